import { execFile } from 'node:child_process'
import { findMount } from './mounts.ts'
import type { FlushReport, TrimState } from './state.ts'

/** A large file system takes its time. */
const TIMEOUT_MS = 180_000

/**
 * Asks the file systems that these folders lie on to discard their free blocks (FITRIM, by `fstrim`). A hint to the
 * device and no proof of anything: what came of it is reported. Never throws; twice is safe.
 */
export async function trimFolders(folders: readonly string[]): Promise<FlushReport['trim']> {
  if (process.platform !== 'linux') {
    return {
      state: 'not available',
      text: 'no way to ask for TRIM on this system; it trims by itself or not at all',
    }
  }
  const mounts = new Map<string, boolean>()
  for (const folder of folders) {
    const mount = await findMount(folder)
    if (mount !== null) mounts.set(mount.point, mount.options.includes('discard'))
  }
  if (mounts.size === 0) return { state: 'not available', text: 'the mounts of this system are not readable' }
  const results = await Promise.all(
    [...mounts].map(async ([point, online]): Promise<TrimOutcome> =>
      online
        ? { point, state: 'by itself', text: 'the file system is mounted to discard what is freed (discard)' }
        : trimOne(point),
    ),
  )
  const good = (state: TrimState): boolean => state === 'done' || state === 'by itself'
  const worst = results.find(({ state }) => !good(state)) ?? results[0]
  const text = results.map((result) => `${result.point}: ${result.text}`).join('; ')
  return { state: worst?.state ?? 'not available', text }
}

interface TrimOutcome {
  readonly point: string
  readonly state: TrimState
  readonly text: string
}

function trimOne(point: string): Promise<TrimOutcome> {
  return new Promise((resolve) => {
    const options = {
      timeout: TIMEOUT_MS,
      windowsHide: true,
      env: { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    }
    execFile('fstrim', ['--verbose', point], options, (error, stdout, stderr) => {
      if (error === null) {
        const bytes = /\((\d+) bytes\)/.exec(stdout)?.[1]
        resolve({
          point,
          state: 'done',
          text: `TRIM was asked for${bytes === undefined ? '' : ` (${bytes} bytes)`}`,
        })
      } else if (error.code === 'ENOENT') {
        resolve({ point, state: 'not available', text: 'fstrim is not installed' })
      } else if (/not permitted|permission denied/i.test(stderr)) {
        resolve({ point, state: 'not permitted', text: 'TRIM is not permitted to this user' })
      } else if (/not supported/i.test(stderr)) {
        resolve({ point, state: 'not supported', text: 'the device takes no TRIM' })
      } else {
        resolve({ point, state: 'failed', text: 'asking for TRIM failed' })
      }
    })
  })
}
