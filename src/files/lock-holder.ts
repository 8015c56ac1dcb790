import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { SealpostError } from '../core/errors.ts'
import { codeOf } from '../core/system-faults.ts'
import { readPrivateFile } from './private-files.ts'

/** Whose a lock is. */
export interface LockHolder {
  readonly pid: number
  /** When the process was started, in the kernel's own words; null where the system does not say. */
  readonly started: string | null
  readonly host: string
  /** Random: tells a lock from its successor. */
  readonly token: string
  /** When it was placed (RFC 3339), where that is written down. */
  readonly since?: string
  /** Who is at it and with what, where that is written down. */
  readonly who?: string
}

const MAX_LOCK_BYTES = 4096

/** A new holder for this process. */
export async function newHolder(): Promise<LockHolder> {
  return {
    pid: process.pid,
    started: await startOf(process.pid),
    host: hostname(),
    token: randomBytes(16).toString('hex'),
  }
}

/** Who holds the lock at `path`; null when nobody does. Throws `corrupt` when the file is not a lock. */
export async function readHolder(path: string): Promise<LockHolder | null> {
  const bytes = await readPrivateFile(path, MAX_LOCK_BYTES, 'corrupt')
  if (bytes === null) return null
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    if (isHolder(value)) return value
  } catch {
    // Told below.
  }
  throw new SealpostError('corrupt', `${path} is not a lock`, { hint: 'remove it if no sealpost process runs' })
}

/** True unless the holder is surely gone: its number is free or another process has it. Of another host nobody knows. */
export async function isAlive(holder: LockHolder): Promise<boolean> {
  if (holder.host !== hostname()) return true
  if (holder.started !== null) {
    const started = await startOf(holder.pid)
    if (started !== null) return started === holder.started
    // Where start times can be read at all, a process without one is gone.
    if ((await startOf(process.pid)) !== null) return false
  }
  try {
    process.kill(holder.pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

/** Boot and start time (proc(5), field 22 of stat), so that a number that comes again is another process. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
    // The name in field 2 may hold blanks and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state, start] = [fields[0], fields[19]]
    // A zombie holds nothing any more.
    return start === undefined || state === 'Z' ? null : `${boot}/${start}`
  } catch {
    return null
  }
}

function isHolder(value: unknown): value is LockHolder {
  if (typeof value !== 'object' || value === null) return false
  const { pid, started, host, token, since, who } = value as Readonly<Record<string, unknown>>
  const texts = typeof host === 'string' && typeof token === 'string' && /^[0-9a-f]{32}$/.test(token)
  const others = [started, since ?? null, who ?? null].every((part) => part === null || typeof part === 'string')
  return texts && others && Number.isSafeInteger(pid)
}
