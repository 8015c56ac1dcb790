import { readdirSync, readFileSync } from 'node:fs'

const EVERY_MS = 10

/** What other processes could read of one process and its children while they lived. */
export interface Watch {
  /** Command lines and environments, as they were found. */
  readonly seen: ReadonlySet<string>
  stop(): void
}

/** Looks at /proc/PID/cmdline and /proc/PID/environ of a process and all below it, again and again, until it is stopped. */
export function watchProcess(pid: number, seen: Set<string>): Watch {
  const look = (): void => {
    for (const each of [pid, ...descendantsOf(pid)]) {
      for (const name of ['cmdline', 'environ']) {
        try {
          seen.add(readFileSync(`/proc/${each}/${name}`, 'latin1'))
        } catch {
          // It has just ended.
        }
      }
    }
  }
  look()
  const timer = setInterval(look, EVERY_MS)
  return { seen, stop: () => clearInterval(timer) }
}

function descendantsOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' '))
      .filter((text) => text !== '')
      .flatMap((text) => [Number(text), ...descendantsOf(Number(text))])
  } catch {
    return []
  }
}
