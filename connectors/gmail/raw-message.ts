import { SealpostError } from '../../src/core/errors.ts'

/** The other members of the answer that a message came in. */
export interface RawHead {
  readonly labels: readonly string[]
}

type Where = 'outside' | 'string' | 'raw' | 'raw-escape'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c
const OPENING = new Set([0x7b, 0x5b])
const CLOSING = new Set([0x7d, 0x5d])
/** Google may write a padding `=` as an escape of six characters. */
const ESCAPE_LENGTH = 6
/** Everything but the message itself is small. */
const MAX_REST = 256 * 1024

/**
 * Takes `raw` out of the JSON of `messages.get` while it arrives, so that a message is in memory once and a large one
 * not at all. base64url (RFC 4648 section 5), decoded in pieces; all else is kept as text and read at the end.
 */
export class RawReader {
  #where: Where = 'outside'
  #isEscaped = false
  #depth = 0
  #isValue = false
  /** The text of the string that is being read, while it may be a name. */
  #name = ''
  #lastString = ''
  #rest: string[] = []
  #restLength = 0
  #held = ''
  #escape = 0
  #hasRaw = false

  /** Takes the next piece and returns the bytes of the message that are now known. Throws `transient` for what is none. */
  update(piece: Uint8Array): Buffer {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    const decoded: Buffer[] = []
    for (let at = 0; at < bytes.length;) {
      at = this.#where === 'raw' ? this.#readRaw(bytes, at, decoded) : this.#readOther(bytes, at)
    }
    return decoded.length === 1 && decoded[0] !== undefined ? decoded[0] : Buffer.concat(decoded)
  }

  /** Ends the answer: throws `transient` unless it was whole JSON with a message in it. */
  finish(): { readonly last: Buffer; readonly head: RawHead } {
    if (this.#where !== 'outside' || this.#depth !== 0 || !this.#hasRaw) throw broken()
    let parsed: unknown
    try {
      parsed = JSON.parse(this.#rest.join(''))
    } catch {
      throw broken()
    }
    const { labelIds } = parsed as { readonly labelIds?: unknown }
    const labels = Array.isArray(labelIds) ? labelIds.filter((label) => typeof label === 'string') : []
    const last = Buffer.from(this.#held, 'base64url')
    this.#held = ''
    return { last, head: { labels } }
  }

  /** Reads on within the message; returns where it stopped. */
  #readRaw(bytes: Buffer, from: number, decoded: Buffer[]): number {
    const end = firstOf(bytes.indexOf(QUOTE, from), bytes.indexOf(BACKSLASH, from), bytes.length)
    const text = this.#held + bytes.toString('latin1', from, end)
    if (/[^A-Za-z0-9_\-+/=]/.test(text)) throw broken()
    const whole = text.length - (text.length % 4)
    decoded.push(Buffer.from(text.slice(0, whole), 'base64url'))
    this.#held = text.slice(whole)
    if (end === bytes.length) return end
    if (bytes[end] === BACKSLASH) {
      this.#where = 'raw-escape'
      this.#escape = ESCAPE_LENGTH
      return end
    }
    this.#where = 'outside'
    this.#keep('""')
    return end + 1
  }

  #readOther(bytes: Buffer, at: number): number {
    const byte = bytes[at] ?? 0
    if (this.#where === 'raw-escape') {
      if (--this.#escape === 0) this.#where = 'raw'
      return at + 1
    }
    const character = String.fromCharCode(byte)
    if (this.#where === 'string') {
      this.#keep(character)
      if (this.#isEscaped) this.#isEscaped = false
      else if (byte === BACKSLASH) this.#isEscaped = true
      else if (byte === QUOTE) {
        this.#where = 'outside'
        this.#lastString = this.#name
        return at + 1
      }
      if (this.#name.length < 16) this.#name += character
      return at + 1
    }
    if (byte === QUOTE && this.#isValue && this.#depth === 1 && this.#lastString === 'raw') {
      if (this.#hasRaw) throw broken()
      this.#hasRaw = true
      this.#isValue = false
      this.#where = 'raw'
      return at + 1
    }
    this.#keep(character)
    if (byte === QUOTE) {
      this.#where = 'string'
      this.#name = ''
    } else if (byte === COLON) this.#isValue = true
    else if (byte === COMMA) this.#isValue = false
    else if (OPENING.has(byte)) {
      this.#depth++
      this.#isValue = false
    } else if (CLOSING.has(byte)) this.#depth--
    return at + 1
  }

  #keep(text: string): void {
    this.#restLength += text.length
    if (this.#restLength > MAX_REST) throw broken()
    this.#rest.push(text)
  }
}

function firstOf(...positions: readonly number[]): number {
  return Math.min(...positions.filter((position) => position !== -1))
}

function broken(): SealpostError {
  return new SealpostError('transient', 'Gmail: an answer does not hold a whole message', { code: 'SHORT_BODY' })
}
