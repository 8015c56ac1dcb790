import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { promisify } from 'node:util'

const PRLIMIT = '/usr/bin/prlimit'
const TIMEOUT_MS = 2000

/**
 * Sets the limit of core files of this process and its children to one byte, for good, so that a crash writes no keys to the
 * disk: less than any core file has, and the one limit that also holds where the kernel pipes dumps to a program, which a
 * limit of zero does not (core(5)). Node cannot do it by itself; where there is no prlimit nothing happens, and nothing is
 * said. Never throws; twice is safe.
 */
export async function forbidCoreFiles(): Promise<void> {
  try {
    await access(PRLIMIT)
    await promisify(execFile)(PRLIMIT, ['--pid', String(process.pid), '--core=1:1'], {
      timeout: TIMEOUT_MS,
      env: {},
    })
  } catch {
    // The workstation is what it is: telling about it is the business of doctor.
  }
}
