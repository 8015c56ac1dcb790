import type { Clock } from '../../src/core/clock.ts'
import { isKind, throwIfAborted } from '../../src/core/errors.ts'
import type { TokenProvider } from '../../src/core/ports.ts'

/** An access token as an identity provider gave it out. */
export interface IssuedToken {
  readonly token: string
  /** Milliseconds that it lives from now on. */
  readonly life: number
}

/** Asks an identity provider for a token of one account. Throws `auth`, `config` or `transient`. */
export type IssueToken = (account: string, signal: AbortSignal) => Promise<IssuedToken>

interface Held {
  readonly token: string
  readonly obtainedAt: number
  readonly life: number
  readonly forced: boolean
}

/** The part of a token's life after which it is renewed. */
const RENEW_AFTER = 0.8
/** What was got by force so short a time ago answers the others whose older token was refused too. */
const JUST_NOW = 2_000
const GIVE_UP = 60_000

/**
 * Keeps tokens in memory and nowhere else. Each is renewed when 80 % of its life is over, by one request at a time
 * however many ask; where that fails for a passing reason and the old one still lives, the old one serves.
 * `shared`: one token opens all accounts.
 */
export function createTokenCache(issue: IssueToken, clock: Clock, shared: boolean): TokenProvider {
  const held = new Map<string, Held>()
  const renewing = new Map<string, Promise<Held>>()

  const renew = (key: string, account: string, forced: boolean): Promise<Held> => {
    const running = renewing.get(key)
    if (running !== undefined) return running
    // Whoever waits may go away; the request is everybody's.
    const stop = new AbortController()
    const cancel = clock.after(GIVE_UP, () => stop.abort())
    const before = clock.now()
    const started = issue(account, stop.signal)
      .then(({ token, life }) => {
        const got = { token, life, obtainedAt: before, forced }
        held.set(key, got)
        return got
      })
      .finally(() => {
        cancel()
        renewing.delete(key)
      })
    renewing.set(key, started)
    return started
  }

  return {
    token: async (account, force, signal) => {
      throwIfAborted(signal)
      const key = shared ? '' : account
      const known = held.get(key)
      const age = known === undefined ? Infinity : clock.now() - known.obtainedAt
      if (known !== undefined && !force && age >= 0 && age < known.life * RENEW_AFTER) return known.token
      if (known !== undefined && force && known.forced && age >= 0 && age < JUST_NOW) return known.token
      try {
        return (await untilAborted(renew(key, account, force), signal)).token
      } catch (error) {
        const isAlive = known !== undefined && !force && clock.now() - known.obtainedAt < known.life
        if (isAlive && isKind(error, 'transient', 'throttled')) return known.token
        throw error
      }
    },
  }
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let stopWaiting: () => void = () => undefined
  const aborted = new Promise<void>((resolve) => (stopWaiting = resolve))
  signal.addEventListener('abort', stopWaiting, { once: true })
  try {
    await Promise.race([promise, aborted])
    throwIfAborted(signal)
    return await promise
  } finally {
    signal.removeEventListener('abort', stopWaiting)
  }
}
