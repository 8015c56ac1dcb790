import { randomBytes } from 'node:crypto'
import { link, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock } from '../src/core/clock.ts'
import { SealpostError } from '../src/core/errors.ts'
import { codeOf } from '../src/core/system-faults.ts'
import { fileError } from '../src/files/file-error.ts'
import { createPrivateFile, readPrivateFile } from '../src/files/private-files.ts'

const PATIENCE_MS = 10_000
const PAUSE_MS = 25

/**
 * Runs `work` while no other process does so under the same path. Waits ten seconds at most for one that is at it, then
 * throws `busy`; a lock whose process is gone is taken over. Not to be entered again from inside `work`.
 */
export async function withLock<T>(path: string, clock: Clock, work: () => Promise<T>): Promise<T> {
  const deadline = clock.monotonic() + PATIENCE_MS
  while (!(await tryLock(path))) {
    await removeAbandoned(path)
    if (clock.monotonic() > deadline) {
      throw new SealpostError('busy', `another process holds ${path}`, {
        hint: 'wait for it, or remove that file if none runs',
      })
    }
    await clock.sleep(PAUSE_MS, new AbortController().signal)
  }
  try {
    return await work()
  } finally {
    await unlink(path).catch(() => undefined)
  }
}

/** Writes the lock beside its place first and links it there: whoever sees a lock sees whose it is. */
async function tryLock(path: string): Promise<boolean> {
  const draft = join(dirname(path), `.${randomBytes(8).toString('hex')}.tmp`)
  const file = await createPrivateFile(draft)
  try {
    await file.writeFile(`${process.pid}\n`)
    await link(draft, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw fileError(error, 'lock', path)
  } finally {
    await file.close()
    await unlink(draft).catch(() => undefined)
  }
}

/**
 * Removes a lock whose process is gone. Only one process at a time may look and remove: otherwise a second one that saw
 * the same dead lock would remove the living one that the first has put in its place.
 */
async function removeAbandoned(path: string): Promise<void> {
  if (!(await isAbandoned(path))) return
  const takeover = `${path}.takeover`
  if (!(await tryLock(takeover))) return
  try {
    if (await isAbandoned(path)) await unlink(path)
  } finally {
    await unlink(takeover).catch(() => undefined)
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const text = await readPrivateFile(path, 64)
  const pid = Number(text?.toString('utf8').trim())
  return text !== null && Number.isSafeInteger(pid) && !isRunning(pid)
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}
