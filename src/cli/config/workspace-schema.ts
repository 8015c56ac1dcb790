import * as z from 'zod'
import { DEFAULT_RETENTION, type RetentionClass } from '../../records/retention.ts'

const text = z.string().trim().min(1, 'must not be empty').max(500, 'is longer than 500 characters')
const rule = z.strictObject({ keep: text.optional(), legal_basis: text.nullable().optional() })
const table = z.strictObject(
  Object.fromEntries(Object.keys(DEFAULT_RETENTION).map((name) => [name, rule.optional()])) as Record<
    RetentionClass,
    ReturnType<typeof rule.optional>
  >,
)

/** The shape of the workspace's config.yaml; `readWorkspaceConfig` reads what the values mean. */
export const workspaceSchema = z.strictObject({
  version: z.literal(1),
  retention: z.preprocess((value) => value ?? undefined, table.optional()),
})
