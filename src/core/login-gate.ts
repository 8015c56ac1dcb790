import { FirstContact } from './first-contact.ts'
import { isKind, type SealpostError } from './errors.ts'

/**
 * Makes the first login with a credential once and alone; a refusal is remembered and given to everybody who comes
 * after, so that one wrong password over fifty accounts is one failed login (lock-outs are counted by servers).
 */
export class LoginGate {
  /** Whether the ends have answered at all. */
  readonly contact = { source: new FirstContact(), destination: new FirstContact() }
  readonly #first = new Map<string, Promise<unknown>>()
  readonly #refused = new Map<string, SealpostError>()

  /** Runs `login`; throws the remembered refusal of this credential instead where there is one. */
  async enter<T>(credential: string, login: () => Promise<T>): Promise<T> {
    for (;;) {
      const refused = this.#refused.get(credential)
      if (refused !== undefined) throw refused
      const before = this.#first.get(credential)
      if (before === undefined) break
      const succeeded = await before.then(
        () => true,
        () => false,
      )
      if (succeeded) return this.#attempt(credential, login)
    }
    const attempt = this.#attempt(credential, login)
    this.#first.set(credential, attempt)
    try {
      return await attempt
    } catch (error) {
      // A trouble of the network says nothing about the credential: the next one is first again.
      if (!isKind(error, 'auth')) this.#first.delete(credential)
      throw error
    }
  }

  async #attempt<T>(credential: string, login: () => Promise<T>): Promise<T> {
    try {
      return await login()
    } catch (error) {
      if (isKind(error, 'auth')) this.#refused.set(credential, error)
      throw error
    }
  }
}
