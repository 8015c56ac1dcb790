import { join } from 'node:path'
import { formatInstant, type Clock } from '../../core/clock.ts'
import { writePrivateFile } from '../../files/durable.ts'
import { readPrivateFile } from '../../files/private-files.ts'

/** Where a project notes that secrets came to it in the clear; the times and nothing else. */
function notesPath(state: string): string {
  return join(state, 'plaintext-imports')
}

/** Notes, before anything is read from it, that a list of secrets in the clear is taken in: a residual risk for the certificate. */
export async function notePlaintext(state: string, clock: Clock): Promise<void> {
  const before = (await readPrivateFile(notesPath(state))) ?? Buffer.alloc(0)
  const line = Buffer.from(`${formatInstant(clock.now())}\n`, 'latin1')
  await writePrivateFile(notesPath(state), Buffer.concat([before, line]))
}

/** How often secrets came to the project in the clear. */
export async function countPlaintext(state: string): Promise<number> {
  const notes = await readPrivateFile(notesPath(state))
  return notes === null ? 0 : notes.toString('latin1').split('\n').filter(Boolean).length
}
