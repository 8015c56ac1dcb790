import type { Clock } from './clock.ts'
import { FirstContact } from './first-contact.ts'
import { isKind, type SealpostError } from './errors.ts'

/** So many accounts refused in a row mean the credential: while it has opened none, and once it has. */
const REFUSALS_AT_FIRST = 2
const REFUSALS_ONCE_PROVEN = 4
/** For so many milliseconds a login that was let in vouches for those that follow; then one goes ahead again. */
const VOUCHES = 10_000

/** What is known of one credential. */
interface Standing {
  /** When it last opened an account, by the clock that is never set back; null while it has opened none. */
  provenAt: number | null
  /** Accounts that it did not open, since it last opened one. */
  refusals: number
  /** It is given up for this reason. */
  refused: SealpostError | null
  /** The login that others wait for. */
  alone: Promise<unknown> | null
}

/**
 * Sees to it that no account gets locked. A refused account is not logged in to again, and while it is not known whether the
 * account or the credential was meant, others that share the credential log in one at a time: one that is let in says
 * that it was the account, and some that are not in a row that it is the credential, which is then given up. So a wrong
 * password over fifty accounts is two failed logins, and one account that is not there, or is closed to us, keeps
 * none of the others back (docs/decisions/0023). A password that is changed in the middle of a run is one too: where all
 * connections of an account were lost, one login goes ahead of the others.
 */
export class LoginGate {
  /** Whether the ends have answered at all. */
  readonly contact = { source: new FirstContact(), destination: new FirstContact() }
  readonly #clock: Clock
  readonly #standings = new Map<string, Standing>()
  readonly #refusedAccounts = new Map<string, SealpostError>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Runs `login` to `account`; throws a remembered refusal of it, or of this credential, instead where there is one. */
  async enter<T>(credential: string, account: string, login: () => Promise<T>): Promise<T> {
    const id = `${credential}\0${account}`
    const standing = this.#standingOf(credential)
    for (;;) {
      const refused = standing.refused ?? this.#refusedAccounts.get(id)
      if (refused !== undefined) throw refused
      if (standing.alone === null) break
      await standing.alone.catch((error: unknown) => {
        // A server that was there and is away is away for all who wait: each tries again in its own time.
        if (standing.provenAt !== null && isKind(error, 'transient')) throw error
      })
    }
    const attempt = this.#attempt(id, standing, login)
    if (standing.refusals === 0 && this.#isFresh(standing)) return attempt
    standing.alone = attempt
    try {
      return await attempt
    } finally {
      standing.alone = null
    }
  }

  async #attempt<T>(id: string, standing: Standing, login: () => Promise<T>): Promise<T> {
    try {
      const session = await login()
      standing.provenAt = this.#clock.monotonic()
      standing.refusals = 0
      return session
    } catch (error) {
      // A trouble of the network says nothing about the credential.
      if (isKind(error, 'auth') && !this.#refusedAccounts.has(id)) {
        this.#refusedAccounts.set(id, error)
        const most = standing.provenAt !== null ? REFUSALS_ONCE_PROVEN : REFUSALS_AT_FIRST
        if (++standing.refusals >= most) standing.refused = error
      }
      throw error
    }
  }

  #isFresh({ provenAt }: Standing): boolean {
    return provenAt !== null && this.#clock.monotonic() - provenAt < VOUCHES
  }

  #standingOf(credential: string): Standing {
    let standing = this.#standings.get(credential)
    if (standing === undefined) {
      standing = { provenAt: null, refusals: 0, refused: null, alone: null }
      this.#standings.set(credential, standing)
    }
    return standing
  }
}
