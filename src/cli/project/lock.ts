import { randomBytes } from 'node:crypto'
import { link, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { formatInstant, type Clock } from '../../core/clock.ts'
import { isKind, SealpostError } from '../../core/errors.ts'
import { codeOf } from '../../core/system-faults.ts'
import { fileError } from '../../files/file-error.ts'
import { createPrivateFile } from '../../files/private-files.ts'
import { isAlive, newHolder, readHolder, type LockHolder } from '../../files/lock-holder.ts'

/** Held by the one process that works on a project. */
export interface ProjectLock {
  /** Lets the next process in. Twice is safe; never throws. */
  release(): Promise<void>
}

const ATTEMPTS = 8
/** Longer than the time between the two steps in which another process may take a stale lock away. */
const SETTLE_MS = 100

/**
 * Takes the project's lock. A lock whose process is gone (killed, or before a reboot) is taken over. Throws `busy`,
 * naming the process that holds it and since when.
 */
export async function lockProject(stateFolder: string, clock: Clock): Promise<ProjectLock> {
  const path = join(stateFolder, 'lock')
  const own: LockHolder = { ...(await newHolder()), since: formatInstant(clock.now()) }
  let tookOver = false
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await place(path, own)) {
      // After a take-over another process may have taken this very lock away for the stale one.
      if (tookOver) await clock.sleep(SETTLE_MS, new AbortController().signal)
      if (!tookOver || (await readHolder(path))?.token === own.token) return { release: () => release(path, own) }
      continue
    }
    const holder = await readHolder(path)
    if (holder === null) continue
    if (await isAlive(holder)) throw busy(path, holder, own)
    tookOver = true
    await takeAway(path, holder)
  }
  throw new SealpostError('busy', 'several processes want this project at once', {
    hint: 'try again',
    code: 'LOCKED',
  })
}

/** Who works on a project. */
export interface ProjectHolder {
  readonly pid: number
  readonly host: string
  /** When it began (RFC 3339). */
  readonly since: string
}

/** The process that holds the project's lock, or null when none does; one that is gone does not count. */
export async function projectHolder(stateFolder: string): Promise<ProjectHolder | null> {
  const holder = await readHolder(join(stateFolder, 'lock'))
  if (holder === null || !(await isAlive(holder))) return null
  const { pid, host, since } = holder
  return { pid, host, since: since ?? 'an unknown time' }
}

/** The lock appears with its content or not at all. */
async function place(path: string, own: LockHolder): Promise<boolean> {
  const draft = `${path}.${own.token}`
  const file = await createPrivateFile(draft)
  try {
    await file.writeFile(`${JSON.stringify(own)}\n`)
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

/** Removes a stale lock, and only that: if another one stands there by now it is put back. */
async function takeAway(path: string, stale: LockHolder): Promise<void> {
  const aside = `${path}.${randomBytes(8).toString('hex')}.stale`
  try {
    await rename(path, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw fileError(error, 'unlock', path)
  }
  const taken = await readHolder(aside)
  if (taken !== null && taken.token !== stale.token) await link(aside, path).catch(() => undefined)
  await unlink(aside).catch(() => undefined)
}

/** A lock that cannot be read just now is ours all the same: nobody takes away that of a living process. */
async function release(path: string, own: LockHolder): Promise<void> {
  const holder = await readHolder(path).catch((error: unknown) => (isKind(error, 'corrupt') ? null : own))
  if (holder?.token === own.token) await unlink(path).catch(() => undefined)
}

function busy(path: string, holder: LockHolder, own: LockHolder): SealpostError {
  const elsewhere = holder.host !== own.host
  const where = elsewhere ? ` on ${holder.host}` : ''
  return new SealpostError(
    'busy',
    `process ${holder.pid}${where} has held this project since ${holder.since ?? 'an unknown time'}`,
    {
      hint: elsewhere
        ? `wait for it; if that machine is gone, remove ${path}`
        : 'wait for it, or stop it with Ctrl-C',
      code: 'LOCKED',
    },
  )
}
