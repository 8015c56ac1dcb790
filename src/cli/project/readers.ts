import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { formatInstant, type Clock } from '../../core/clock.ts'
import { SealpostError } from '../../core/errors.ts'
import { writePrivateFile } from '../../files/durable.ts'
import { isAlive, newHolder, readHolder, type LockHolder } from '../../files/lock-holder.ts'

/** How long a reader that is about to end is waited for. */
const PATIENCE_MS = 3_000
const PAUSE_MS = 50
const NAME = /^reader-[0-9a-f]{32}\.lock$/

/**
 * Writes down that this process reads a project's ledger, beside whoever works on it: a file that is removed under a
 * reader stays on the disk until the reader lets go of it. Returns what takes the note away again; that never throws, and
 * twice is safe. Whoever notes itself looks for a sign-off afterwards, and a sign-off begins before it looks for readers:
 * one of the two sees the other.
 */
export async function noteReader(stateFolder: string, who: string, clock: Clock): Promise<() => Promise<void>> {
  const own: LockHolder = { ...(await newHolder()), since: formatInstant(clock.now()), who }
  const path = pathOf(stateFolder, own)
  await writePrivateFile(path, Buffer.from(`${JSON.stringify(own)}\n`))
  return () => unlink(path).catch(() => undefined)
}

/**
 * Returns when no process reads the project's ledger; what processes that are gone left is taken away. Waits a moment for
 * one that is about to end, then throws `policy` and names it.
 */
export async function assertNoReaders(stateFolder: string, clock: Clock, signal: AbortSignal): Promise<void> {
  const deadline = clock.monotonic() + PATIENCE_MS
  for (;;) {
    const reader = await findReader(stateFolder)
    if (reader === null) return
    if (clock.monotonic() > deadline) throw beingRead(reader, stateFolder)
    await clock.sleep(PAUSE_MS, signal)
  }
}

async function findReader(stateFolder: string): Promise<LockHolder | null> {
  for (const name of (await readdir(stateFolder)).filter((each) => NAME.test(each))) {
    const path = join(stateFolder, name)
    const reader = await readHolder(path)
    if (reader === null) continue
    if (await isAlive(reader)) return reader
    await unlink(path).catch(() => undefined)
  }
  return null
}

function pathOf(stateFolder: string, { token }: LockHolder): string {
  return join(stateFolder, `reader-${token}.lock`)
}

function beingRead(reader: LockHolder, stateFolder: string): SealpostError {
  const { pid, host, since = 'an unknown time', who = 'somebody' } = reader
  return new SealpostError(
    'policy',
    `the ledger is being read: process ${pid} on ${host} (${who}) since ${since}`,
    {
      hint: `end it (q or Ctrl-C), then sign off; where that machine is gone, remove ${pathOf(stateFolder, reader)}`,
      code: 'BEING_READ',
    },
  )
}
