import { readFile } from 'node:fs/promises'

/** Tells one process from every other one, a later one with its number included. */
export interface ProcessIdentity {
  readonly pid: number
  /** When it was started, in the kernel's own words; null where the system does not say. */
  readonly started: string | null
}

/** The identity of this process. */
export async function ownIdentity(): Promise<ProcessIdentity> {
  return { pid: process.pid, started: await startOf(process.pid) }
}

/** True unless the process is surely gone: its number is free, or another process has it now. */
export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  if (identity.started !== null) {
    const started = await startOf(identity.pid)
    if (started !== null) return started === identity.started
    // Where /proc knows start times and does not know this process, it is gone.
    if ((await startOf(process.pid)) !== null) return false
  }
  try {
    process.kill(identity.pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Boot and start time (proc(5), field 22 of stat): a number that comes again after a reboot comes with another boot. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
    // The name in field 2 may hold blanks and parentheses.
    const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    return start === undefined ? null : `${boot}/${start}`
  } catch {
    return null
  }
}
