import { isKind, type SealpostError } from './errors.ts'
import type { Clock } from './clock.ts'
import type { EventSink } from './events.ts'

/** Attempts at something that a passing trouble may hinder, the first one counted. */
const MAX_ATTEMPTS = 6
/** A server that asks for a wait is obeyed this often in a row before the pair gives up. */
const MAX_THROTTLE_WAITS = 50
const FIRST_DELAY = 250
const LONGEST_DELAY = 30_000
/** Waits asked for by a server are obeyed up to one hour. */
const LONGEST_THROTTLE = 3_600_000
const DEFAULT_THROTTLE = 5_000

/** Hears of a wait: the kind of error, for how long, and what went wrong. */
export type OnWait = (reason: string, milliseconds: number, message?: string) => void

/** Makes an event of each wait of a pair. */
export function tellWaitsOf(pair: number, events: EventSink): OnWait {
  return (reason, milliseconds, message) => events({ event: 'waiting', pair, reason, milliseconds, message })
}

/** Milliseconds to wait before the attempt after `failures` failures in a row. */
export function backoffDelay(failures: number): number {
  return Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** Math.max(0, failures - 1))
}

/** Milliseconds that a throttling server wants us to stay away. */
export function throttleDelay(error: SealpostError): number {
  return Math.min(LONGEST_THROTTLE, error.retryAfter ?? DEFAULT_THROTTLE)
}

/**
 * Runs `operation` again while it fails with `transient` or `throttled`, bounded, waiting as long as the server says
 * or longer each time, and `isWorthIt` does not say otherwise. Whatever else it throws, and the last failure, is thrown.
 * `onWait` hears of each wait.
 */
export async function retry<T>(
  clock: Clock,
  onWait: OnWait,
  operation: () => Promise<T>,
  signal: AbortSignal,
  isWorthIt: () => boolean = () => true,
): Promise<T> {
  let failures = 0
  let throttles = 0
  for (;;) {
    try {
      return await operation()
    } catch (error) {
      let delay: number
      if (isKind(error, 'throttled') && ++throttles <= MAX_THROTTLE_WAITS) delay = throttleDelay(error)
      else if (isKind(error, 'transient') && ++failures < MAX_ATTEMPTS && isWorthIt())
        delay = backoffDelay(failures)
      else throw error
      onWait(error.kind, delay, error.message)
      await clock.sleep(delay, signal)
    }
  }
}
