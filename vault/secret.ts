import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { inspect } from 'node:util'
import { SealpostError } from '../src/core/errors.ts'

const PLACEHOLDER = '[secret]'

/**
 * Holds the bytes of a password, token or key so that no sink can print them: `String()`, templates, `JSON.stringify`,
 * `util.inspect`, `console.log` and the cause of an error all show `[secret]`.
 */
export class Secret {
  #bytes: Buffer | null

  private constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Takes the bytes over: they are copied to memory outside Node's shared pool, and `input` is wiped. */
  static fromBytes(input: Uint8Array): Secret {
    const bytes = Buffer.allocUnsafeSlow(input.length)
    bytes.set(input)
    input.fill(0)
    return new Secret(bytes)
  }

  /** How many bytes it holds. Throws `bug` once wiped. */
  get length(): number {
    return this.#held().length
  }

  /** Lends the bytes to `fn`, which must neither keep nor change them. Throws `bug` once wiped. */
  use<T>(fn: (bytes: Buffer) => T): T {
    return fn(this.#held())
  }

  /**
   * The bytes as UTF-8 text, for libraries that take passwords only as strings. Residual: a string cannot be wiped and
   * stays in memory until it is collected and overwritten, so call this last and keep the result nowhere.
   */
  text(): string {
    return this.#held().toString('utf8')
  }

  /** Compares in time that depends on the lengths alone. */
  equals(other: Secret): boolean {
    const key = randomBytes(32)
    const digest = (secret: Secret): Buffer => createHmac('sha256', key).update(secret.#held()).digest()
    return timingSafeEqual(digest(this), digest(other))
  }

  /** Overwrites the bytes; the secret is of no use from now on. Twice is safe. */
  wipe(): void {
    this.#bytes?.fill(0)
    this.#bytes = null
  }

  toString(): string {
    return PLACEHOLDER
  }

  toJSON(): string {
    return PLACEHOLDER
  }

  [Symbol.toPrimitive](): string {
    return PLACEHOLDER
  }

  [inspect.custom](): string {
    return PLACEHOLDER
  }

  #held(): Buffer {
    if (this.#bytes === null) throw new SealpostError('bug', 'a secret was used after it was wiped')
    return this.#bytes
  }
}

/** Overwrites every buffer given; null and undefined are passed over, so that it fits a `finally`. Twice is safe. */
export function wipe(...buffers: readonly (Uint8Array | null | undefined)[]): void {
  for (const buffer of buffers) buffer?.fill(0)
}
