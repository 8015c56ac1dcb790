import { link, readdir, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { isKind, SealpostError, throwIfAborted, toSealpostError } from '../core/errors.ts'
import { codeOf } from '../core/system-faults.ts'
import { fileError } from './file-error.ts'
import { isAlive, newHolder, readHolder, type LockHolder } from './lock-holder.ts'
import { createPrivateFile } from './private-files.ts'

const PATIENCE_MS = 30_000
const PAUSE_MS = 10

/**
 * Runs `work` while no other process does so under the same path. Waits for one that is at it, thirty seconds at most,
 * then throws `busy`; a lock whose process is gone is taken away. Not to be entered again from inside `work`.
 */
export async function withFileLock<T>(
  path: string,
  clock: Clock,
  work: () => Promise<T>,
  signal: AbortSignal = new AbortController().signal,
): Promise<T> {
  const own = await newHolder()
  const deadline = clock.monotonic() + PATIENCE_MS
  for (;;) {
    const holder = await takeLock(path, own)
    if (holder === own) break
    throwIfAborted(signal)
    if (clock.monotonic() > deadline) throw busy(path, holder)
    await clock.sleep(PAUSE_MS, signal).catch((error: unknown) => {
      throw toSealpostError(error, `waiting for ${path}`)
    })
  }
  try {
    return await work()
  } finally {
    await releaseLock(path, own)
  }
}

/**
 * Takes the lock, also from a process that is gone. Returns whose it is then: `own`, one that lives, or one that is gone
 * whose lock somebody else is taking away just now.
 */
export async function takeLock(path: string, own: LockHolder): Promise<LockHolder> {
  for (let isFirst = true; ; isFirst = false) {
    if (await place(path, own)) {
      if (!isFirst) await tidy(path)
      return own
    }
    const holder = await readHolder(path)
    if (holder !== null && ((await isAlive(holder)) || !(await takeAway(path, holder, own)))) return holder
  }
}

/**
 * Lets the next process in. Never throws. A lock that cannot be read just now is ours all the same: nobody takes away
 * that of a living process.
 */
export async function releaseLock(path: string, own: LockHolder): Promise<void> {
  const holder = await readHolder(path).catch((error: unknown) => (isKind(error, 'corrupt') ? null : own))
  if (holder?.token === own.token) await unlink(path).catch(() => undefined)
}

/** The lock appears with its content or not at all, and for one process alone (link(2) fails where a name is taken). */
async function place(path: string, own: LockHolder): Promise<boolean> {
  const draft = `${path}.draft-${own.token}`
  const file = await createPrivateFile(draft)
  try {
    await file.writeFile(`${JSON.stringify(own)}\n`)
    await link(draft, path)
    return true
  } catch (error) {
    // EEXIST: held. ENOENT: another process tidied the draft away.
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT') return false
    throw fileError(error, 'lock', path)
  } finally {
    await file.close()
    await unlink(draft).catch(() => undefined)
  }
}

/**
 * Removes the lock of a process that is gone. The right to do so is a lock of its own, named after the dead one's token,
 * which never comes again: whoever gets it and still finds the dead lock in place is alone with it. Should that process
 * die in its turn, the right to go on is named after its token, and so on. Returns false when somebody else is at it.
 */
export async function takeAway(path: string, dead: LockHolder, own: LockHolder): Promise<boolean> {
  const rights: string[] = []
  let predecessor: LockHolder | null = dead
  while (predecessor !== null) {
    const right: string = `${path}.after-${predecessor.token}`
    rights.push(right)
    if (await place(right, own)) {
      const present = await readHolder(path)
      if (present?.token === dead.token) await unlink(path).catch(() => undefined)
      for (const name of rights) await unlink(name).catch(() => undefined)
      return true
    }
    const rival: LockHolder | null = await readHolder(right)
    predecessor = rival !== null && !(await isAlive(rival)) ? rival : null
  }
  return false
}

/** Removes what killed processes left. To be called by the holder: no right that is claimed now means anything. */
async function tidy(path: string): Promise<void> {
  const prefix = `${basename(path)}.`
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    if (name.startsWith(prefix)) await unlink(join(dirname(path), name)).catch(() => undefined)
  }
}

function busy(path: string, holder: LockHolder): SealpostError {
  return new SealpostError('busy', `process ${holder.pid} on ${holder.host} holds ${path}`, {
    hint: 'wait for it, or remove that file if no such process runs',
    code: 'LOCKED',
  })
}
