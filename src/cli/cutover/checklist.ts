import { join } from 'node:path'
import * as z from 'zod'
import { SealpostError } from '../../core/errors.ts'
import { writePrivateFile } from '../../files/durable.ts'
import { readPrivateFile } from '../../files/private-files.ts'
import type { MailRecords } from './look-up.ts'

const mark = z.strictObject({ at: z.number().int(), by: z.string(), note: z.string().nullable() })
const mailRecords = z.strictObject({
  domain: z.string(),
  mx: z.array(z.strictObject({ exchange: z.string(), preference: z.number(), ttl: z.number() })),
  spf: z.array(z.strictObject({ text: z.string(), ttl: z.number() })),
})
const fileShape = z.strictObject({
  version: z.literal(1),
  /** By wave (empty: all accounts) and step. */
  done: z.record(z.string(), z.record(z.string(), mark)),
  /** By domain: what DNS said when it was first looked up, and when. */
  first: z.record(z.string(), z.strictObject({ at: z.number().int(), records: mailRecords })),
})

/** What has been done, by whom, and what DNS said before anything was changed. */
export type Cutover = z.infer<typeof fileShape>

/** Reads what has been noted in a project; nothing at all where nothing was. Throws `corrupt` for a file that is none. */
export async function readCutover(stateFolder: string): Promise<Cutover> {
  const path = fileOf(stateFolder)
  const bytes = await readPrivateFile(path)
  if (bytes === null) return { version: 1, done: {}, first: {} }
  try {
    return fileShape.parse(JSON.parse(bytes.toString('utf8')))
  } catch (cause) {
    throw new SealpostError('corrupt', `${path}: cannot be read`, {
      cause,
      hint: 'put a good copy there, or remove it',
    })
  }
}

/** Writes it down whole. Twice is safe. */
export async function writeCutover(stateFolder: string, cutover: Cutover): Promise<void> {
  await writePrivateFile(fileOf(stateFolder), Buffer.from(`${JSON.stringify(cutover, null, 2)}\n`, 'utf8'))
}

/** The first look at a domain stays: it is what a way back needs. */
export function noteFirst(cutover: Cutover, looked: readonly MailRecords[], at: number): Cutover {
  const added = looked
    .filter(({ domain }) => cutover.first[domain] === undefined)
    .map((records) => [records.domain, { at, records }] as const)
  const first = { ...cutover.first, ...Object.fromEntries(added) }
  return fileShape.parse({ ...cutover, first })
}

function fileOf(stateFolder: string): string {
  return join(stateFolder, 'cutover.json')
}
