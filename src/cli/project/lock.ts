import { randomBytes } from 'node:crypto'
import { link, rename, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { formatInstant, type Clock } from '../../core/clock.ts'
import { isKind, SealpostError } from '../../core/errors.ts'
import { codeOf, createPrivateFile, fileError, readPrivateFile } from '../../../vault/files.ts'
import { isRunning, ownIdentity, type ProcessIdentity } from '../process-identity.ts'

/** Held by the one process that works on a project. */
export interface ProjectLock {
  /** Lets the next process in. Twice is safe; never throws. */
  release(): Promise<void>
}

interface Holder extends ProcessIdentity {
  readonly host: string
  readonly since: string
  /** Random: tells a lock from its successor. */
  readonly token: string
}

const MAX_LOCK_BYTES = 4096
const ATTEMPTS = 8
/** Longer than the time between the two steps in which another process may take a stale lock away. */
const SETTLE_MS = 100

/**
 * Takes the project's lock. A lock whose process is gone (killed, or before a reboot) is taken over. Throws `busy`,
 * naming the process that holds it and since when.
 */
export async function lockProject(stateFolder: string, clock: Clock): Promise<ProjectLock> {
  const path = join(stateFolder, 'lock')
  const own: Holder = {
    ...(await ownIdentity()),
    host: hostname(),
    since: formatInstant(clock.now()),
    token: randomBytes(16).toString('hex'),
  }
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
    if (holder.host !== own.host || (await isRunning(holder))) throw busy(path, holder, own)
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
  if (holder === null || (holder.host === hostname() && !(await isRunning(holder)))) return null
  const { pid, host, since } = holder
  return { pid, host, since }
}

/** The lock appears with its content or not at all. */
async function place(path: string, own: Holder): Promise<boolean> {
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
async function takeAway(path: string, stale: Holder): Promise<void> {
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
async function release(path: string, own: Holder): Promise<void> {
  const holder = await readHolder(path).catch((error: unknown) => (isKind(error, 'corrupt') ? null : own))
  if (holder?.token === own.token) await unlink(path).catch(() => undefined)
}

async function readHolder(path: string): Promise<Holder | null> {
  const bytes = await readPrivateFile(path, MAX_LOCK_BYTES)
  if (bytes === null) return null
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    if (isHolder(value)) return value
  } catch {
    // Told below.
  }
  throw new SealpostError('corrupt', `${path} is not a lock`, { hint: 'remove it if no sealpost process runs' })
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== 'object' || value === null) return false
  const { pid, started, host, since, token } = value as Readonly<Record<string, unknown>>
  const texts = [host, since, token].every((part) => typeof part === 'string')
  return texts && Number.isSafeInteger(pid) && (started === null || typeof started === 'string')
}

function busy(path: string, holder: Holder, own: Holder): SealpostError {
  const elsewhere = holder.host !== own.host
  const where = elsewhere ? ` on ${holder.host}` : ''
  return new SealpostError('busy', `process ${holder.pid}${where} has held this project since ${holder.since}`, {
    hint: elsewhere
      ? `wait for it; if that machine is gone, remove ${path}`
      : 'wait for it, or stop it with Ctrl-C',
    code: 'LOCKED',
  })
}
