import type { Clock } from './clock.ts'
import { isKind, type SealpostError } from './errors.ts'
import { retry, type OnWait } from './retry.ts'

/** Codes of a connection that reached nobody. Whoever cuts it, or is busy, has answered. */
const UNREACHED: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'ETIMEDOUT', 'ETIMEOUT'],
  ...['ENOTFOUND', 'EAI_NODATA', 'EAI_NONAME', 'EAI_AGAIN', 'EAI_FAIL'],
])
/** No further attempt is begun so many milliseconds after the first one. */
const PATIENCE = 60_000

/**
 * Whether anybody has answered at an end in this run. A server that has is waited for when it goes away; where nobody
 * ever did, host or port are mistyped more often than a server is restarting: that is tried for some seconds by those
 * who come first, and what they heard is told to all others.
 */
export class FirstContact {
  #hasAnswered = false
  #givenUp: SealpostError | null = null

  /** True once anybody has answered, if only with a refusal. */
  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  /** Opens a session with as many attempts as are worth it; throws what `open` threw last, or to another one before. `onWait` hears of each wait. */
  async open<T>(clock: Clock, onWait: OnWait, open: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const begun = clock.monotonic()
    const attempt = async (): Promise<T> => {
      if (!this.#hasAnswered && this.#givenUp !== null) throw this.#givenUp
      try {
        const session = await open()
        this.#hasAnswered = true
        return session
      } catch (error) {
        if (isKind(error) && error.kind !== 'cancelled' && !UNREACHED.has(error.code ?? ''))
          this.#hasAnswered = true
        throw error
      }
    }
    const isWorthIt = (): boolean =>
      this.#hasAnswered || (this.#givenUp === null && clock.monotonic() - begun < PATIENCE)
    try {
      return await retry(clock, onWait, attempt, signal, isWorthIt)
    } catch (error) {
      if (isKind(error, 'transient')) this.#givenUp ??= error
      throw error
    }
  }
}
