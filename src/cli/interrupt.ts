import { isatty } from 'node:tty'
import type { Clock } from '../core/clock.ts'
import { SealpostError } from '../core/errors.ts'
import { EXIT } from './exit-codes.ts'

/** How a running command is asked to end. */
export interface Interrupts {
  /** Aborted by the first signal: finish what is under way. */
  readonly stop: AbortSignal
  /** Aborted when that has taken too long. */
  readonly hard: AbortSignal
}

const GRACE_MS = 30_000

/**
 * Turns SIGINT and SIGTERM into an abort: the first asks the command to stop cleanly, the second ends the process at
 * once, which loses nothing that the ledger knows. `onFirst` tells the user. SIGHUP is the first where there is a terminal
 * that can be closed, and nothing where there is none: Node undoes what `nohup` asks for. Also listens for SIGUSR1, on which Node
 * would otherwise open its debugger to every local user.
 */
export function installSignals(clock: Clock, onFirst: () => void): Interrupts {
  const stop = new AbortController()
  const hard = new AbortController()
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(EXIT.interrupted)
    const reason = new SealpostError('cancelled', 'interrupted', {
      hint: 'run the same command again to go on from here',
    })
    stop.abort(reason)
    clock.after(GRACE_MS, () => hard.abort(reason))
    onFirst()
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  const hasTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor))
  // The kernel says that a terminal was closed, and then the shell does: that is once.
  process.on('SIGHUP', () => {
    if (hasTerminal && !stop.signal.aborted) interrupt()
  })
  process.on('SIGUSR1', () => undefined)
  return { stop: stop.signal, hard: hard.signal }
}
