import { join } from 'node:path'
import { formatInstant, type Clock } from '../../core/clock.ts'
import { SealpostError } from '../../core/errors.ts'
import { releaseLock, takeLock } from '../../files/file-lock.ts'
import { isAlive, newHolder, readHolder, type LockHolder } from '../../files/lock-holder.ts'

/** Held by the one process that works on a project. */
export interface ProjectLock {
  /** Lets the next process in. Twice is safe; never throws. */
  release(): Promise<void>
}

const ATTEMPTS = 8
/** Longer than another process takes to remove a stale lock. */
const PAUSE_MS = 100

/**
 * Takes the project's lock. A lock whose process is gone (killed, or before a reboot) is taken over. Throws `busy`,
 * naming the process that holds it and since when.
 */
export async function lockProject(stateFolder: string, clock: Clock): Promise<ProjectLock> {
  const path = join(stateFolder, 'lock')
  const own: LockHolder = { ...(await newHolder()), since: formatInstant(clock.now()) }
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const holder = await takeLock(path, own)
    if (holder === own) return { release: () => releaseLock(path, own) }
    if (await isAlive(holder)) throw busy(path, holder, own)
    await clock.sleep(PAUSE_MS, new AbortController().signal)
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
