import type { Clock } from '../../src/core/clock.ts'

/** Milliseconds in which what has come already is read, before a connection counts as silent. */
const LAST_LOOK = 20
/** Milliseconds; sooner it is not looked again. */
const SHORTEST_WAIT = 10

/**
 * Calls `onSilent` with the milliseconds once `quietFor` has come to `idleMs`, and never before the process has had the time to read
 * what came meanwhile. Returns what ends the watch.
 */
export function watchSilence(
  clock: Clock,
  idleMs: number,
  quietFor: () => number,
  onSilent: (quiet: number) => void,
): () => void {
  let isOverdue = false
  const check = (): void => {
    const quiet = quietFor()
    if (quiet < idleMs) isOverdue = false
    else if (isOverdue) {
      onSilent(quiet)
      return
    } else isOverdue = true
    // A process that was kept busy hears of the time before it reads what has come meanwhile.
    cancel = clock.after(isOverdue ? LAST_LOOK : Math.max(idleMs - quiet, SHORTEST_WAIT), check)
  }
  let cancel = clock.after(idleMs, check)
  return () => cancel()
}
