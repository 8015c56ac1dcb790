import { open, readFile, rename, stat, unlink } from 'node:fs/promises'
import type { Clock } from '../../src/core/clock.ts'
import { SealpostError } from '../../src/core/errors.ts'
import { flushFolder } from '../../src/files/durable.ts'
import { isMissing, systemCode } from '../shared/file-errors.ts'
import { within } from './folder.ts'
import { giveAway } from './ownership.ts'
import type { SessionFacts } from './session-context.ts'

/** A lock older than this was left by a process that has ended; Dovecot takes the same view. */
const STALE_LOCK = 120_000
const MAX_WAIT = 10_000
const LOOK_AGAIN = 50

/** Reads a small text file (latin1); null when there is none. */
export async function readText(directory: Buffer, name: string): Promise<string | null> {
  try {
    return await readFile(within(directory, name), 'latin1')
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

/**
 * Replaces a small text file that Dovecot writes too, under Dovecot's kind of lock: the new contents are written to
 * `name.lock`, which only one can create, and renamed. `change` is given the old contents and returns the new, or null
 * to leave them. Throws `transient` when the lock stays taken.
 */
export async function replaceText(
  facts: SessionFacts,
  directory: Buffer,
  name: string,
  change: (before: string | null) => string | null,
  signal: AbortSignal,
): Promise<void> {
  const lock = within(directory, `${name}.lock`)
  const handle = await takeLock(facts.clock, lock, signal)
  try {
    const contents = change(await readText(directory, name))
    if (contents === null) {
      await handle.close()
      await unlink(lock)
      return
    }
    await handle.writeFile(contents, 'latin1')
    await giveAway(facts, handle)
    await handle.sync()
    await handle.close()
    await rename(lock, within(directory, name))
  } catch (error) {
    await handle.close()
    await unlink(lock).catch(() => undefined)
    throw error
  }
  await flushFolder(directory)
}

async function takeLock(
  clock: Clock,
  lock: Buffer,
  signal: AbortSignal,
): Promise<Awaited<ReturnType<typeof open>>> {
  const start = clock.monotonic()
  for (;;) {
    try {
      return await open(lock, 'wx', 0o600)
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error
    }
    if (await isStale(clock, lock)) await unlink(lock).catch(() => undefined)
    else if (clock.monotonic() - start > MAX_WAIT) {
      throw new SealpostError('transient', 'another program holds the lock of a Maildir file')
    } else await clock.sleep(LOOK_AGAIN, signal)
  }
}

async function isStale(clock: Clock, lock: Buffer): Promise<boolean> {
  try {
    return clock.now() - (await stat(lock)).mtimeMs > STALE_LOCK
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}
