import { SealpostError } from '../../src/core/errors.ts'
import { parseFetchRow, type FetchRow } from './fetch-row.ts'
import type { Literal, Untagged } from './response.ts'

const LF = 0x0a
const STAR = 0x2a
const PLUS = 0x2b
const MAX_LINE_BYTES = 64 * 1024 * 1024
/** What is larger than a body may be is read in ranges: nobody asks for a literal of that size, and nobody waits for its end. */
const MAX_LITERAL_BYTES = 2 ** 30
/** What a part of a response costs besides its bytes. */
const PART_BYTES = 256
/** How an untagged response begins; some servers are free with blanks. */
const HEAD = /^\*[ \t]+(?:(\d{1,10})[ \t]+)?([A-Za-z0-9-]+)[ \t]*/
const STATUS: ReadonlySet<string> = new Set(['OK', 'NO', 'BAD', 'BYE', 'PREAUTH'])

/** Where the framer hands what it found. */
export interface FramerSink {
  /** Keywords in capitals whose untagged responses come to `untagged`; what nobody claims is stepped over. */
  claims(keyword: string): boolean
  untagged(response: Untagged): void
  row(row: FetchRow): void
  /** A literal was announced that is not read, whose response had said `text` before: throws what ends the connection. */
  beyond(bytes: number, text: string): never
  /** Where a literal of so many bytes is to be put. */
  room(bytes: number): Buffer
  /** A line that begins with neither `*` nor `+`, without its line end. */
  tagged(line: string): void
  /** The server asks for more; the text after its `+`. */
  continuation(text: string): void
}

/**
 * Cuts what a server sends into responses, byte for byte; names come as they were sent, whatever their encoding. Literals above
 * `literalLimit` are counted and thrown away as they come. Nothing of a piece is kept but copies: the next one may come
 * into the same place.
 */
export class Framer {
  literalLimit = Infinity
  readonly #sink: FramerSink
  #tail: Buffer[] = []
  #tailBytes = 0
  /** The claimed response so far; null while the current one is stepped over. */
  #texts: string[] | null = null
  #literals: Literal[] = []
  /** What is kept of the claimed response. */
  #held = 0
  #startOfResponse = true
  /** What a server says in words has no literals, even where they end like one: it may quote a mailbox called `a {5}`. */
  #isWords = false
  /** Bytes of the current literal still to come. */
  #remaining = 0
  /** They are above the limit and thrown away. */
  #skip = false
  #target: Buffer | null = null
  #filled = 0

  constructor(sink: FramerSink) {
    this.#sink = sink
  }

  /** True where a response may begin: nothing has been read of the next one. */
  get isBetween(): boolean {
    return this.#startOfResponse && this.#tail.length === 0
  }

  /** Takes the next bytes. Throws a plain Error when they are no IMAP, and what the sink throws. */
  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#remaining > 0) {
        at = this.#takeLiteral(chunk, at)
        continue
      }
      const end = chunk.indexOf(LF, at)
      if (end === -1) {
        // A piece costs more than its bytes: a line that comes byte for byte would fill the memory long before its limit.
        this.#tailBytes += chunk.length - at + PART_BYTES
        if (this.#tailBytes > MAX_LINE_BYTES) throw new Error('a line that does not end')
        this.#tail.push(Buffer.from(chunk.subarray(at)))
        return
      }
      let line = chunk.subarray(at, end + 1)
      if (this.#tail.length > 0) {
        line = Buffer.concat([...this.#tail, line])
        this.#tail = []
        this.#tailBytes = 0
      }
      at = end + 1
      this.#takeLine(line)
    }
  }

  #takeLine(line: Buffer): void {
    const text = line.toString('latin1')
    if (this.#startOfResponse) this.#begin(line[0], text)
    const announced = this.#isWords ? -1 : literalSize(text)
    if (this.#texts !== null) {
      this.#texts.push(text)
      this.#held += PART_BYTES + text.length + (announced > this.literalLimit ? 0 : Math.max(0, announced))
      // One that goes on and on, a small literal at a time, would fill the memory of all accounts.
      if (this.#held > MAX_LINE_BYTES + this.literalLimit) throw new Error('a response that does not end')
    }
    this.#startOfResponse = announced === -1
    if (announced === -1) {
      this.#finish()
      return
    }
    if (announced > MAX_LITERAL_BYTES) this.#sink.beyond(announced, this.#texts?.join('') ?? '')
    this.#remaining = announced
    if (this.#texts === null) return
    this.#skip = announced > this.literalLimit
    if (this.#skip) this.#literals.push({ skipped: announced })
    else if (announced === 0) this.#literals.push(Buffer.alloc(0))
  }

  #begin(first: number | undefined, text: string): void {
    this.#literals = []
    this.#held = 0
    this.#texts = null
    this.#isWords = true
    if (first === PLUS) {
      this.#sink.continuation(text.replace(/^\+ ?|[\r\n]+$/g, ''))
      return
    }
    if (first !== STAR) {
      this.#sink.tagged(text.replace(/[\r\n]+$/, ''))
      return
    }
    const head = HEAD.exec(text)
    const keyword = (head?.[2] ?? '').toUpperCase()
    this.#isWords = STATUS.has(keyword)
    if (keyword === 'FETCH' || this.#sink.claims(keyword)) this.#texts = []
  }

  #takeLiteral(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#remaining)
    if (this.#texts !== null && !this.#skip) {
      this.#target ??= this.#sink.room(this.#remaining)
      this.#filled += chunk.copy(this.#target, this.#filled, at, end)
      if (this.#filled === this.#target.length) {
        this.#literals.push(this.#target)
        this.#target = null
        this.#filled = 0
      }
    }
    this.#remaining -= end - at
    return end
  }

  #finish(): void {
    const texts = this.#texts
    if (texts === null) return
    const text = texts.length === 1 ? (texts[0] ?? '') : texts.join('')
    const head = HEAD.exec(text)
    if (head === null) throw new Error('an untagged response that cannot be read')
    const keyword = (head[2] ?? '').toUpperCase()
    const literals = this.#literals
    this.#texts = null
    this.#literals = []
    const rest = text.slice(head[0].length)
    if (keyword === 'FETCH') this.#sink.row(parseFetchRow(rest, literals))
    else this.#sink.untagged({ keyword, number: Number(head[1] ?? 0), text: rest, literals })
  }
}

/** What ends a connection over which a literal of so many bytes was announced: its end may never come. */
export function beyondBounds(bytes: number): SealpostError {
  const said = `imap: the server announced ${bytes} bytes in one piece, which is more than was asked for`
  return new SealpostError('transient', said, { code: 'LITERAL' })
}

/** The size of the literal that a line announces at its end, or -1. */
function literalSize(text: string): number {
  let at = text.length - 2
  if (text.charCodeAt(at) === 0x0d) at--
  if (text.charCodeAt(at) !== 0x7d) return -1
  const open = text.lastIndexOf('{', at)
  const digits = text.slice(open + 1, at)
  return open !== -1 && /^\d+$/.test(digits) ? Number(digits) : -1
}
