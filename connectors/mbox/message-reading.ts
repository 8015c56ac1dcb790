import { createHash, type Hash } from 'node:crypto'
import type { Quoting } from './options.ts'

const CR = 0x0d
const LF = 0x0a
const MAX_NAME_BYTES = 24
const MAX_FIELD_CHARACTERS = 64 * 1024

/** Bytes of a message's digest that are kept: enough that no two different messages ever meet. */
export const DIGEST_BYTES = 16

/** Fields that programs write into a message in its file, and change there without its being another message. */
const CHANGEABLE: ReadonlySet<string> = new Set([
  'status',
  'x-status',
  'x-keywords',
  'x-uid',
  'x-imap',
  'x-imapbase',
  'x-mozilla-status',
  'x-mozilla-status2',
  'x-mozilla-keys',
  'x-gmail-labels',
  'x-gm-thrid',
])

/** Fields whose text is of use: those above, and where a date may stand. */
const WANTED: ReadonlySet<string> = new Set([...CHANGEABLE, 'received', 'date'])

/** What one message's lines came to. */
export interface Reading {
  /** Of the bytes in the file without the changeable fields: what a key is made from. */
  readonly digest: Buffer
  /** Length in wire form, unquoted. */
  readonly wireBytes: number
  /** Text of the wanted fields, unfolded, by name in small letters; the topmost where there are several. */
  readonly fields: ReadonlyMap<string, string>
}

/**
 * Takes the lines of one message as they stand in its file, in fragments of buffers, and digests them. Feed what was
 * fed before from the same buffer without a gap and it is hashed in one go; so call `flush` before a buffer changes.
 */
export class MessageReading {
  readonly #quoting: Quoting
  readonly #hash: Hash = createHash('sha256')
  readonly #fields = new Map<string, string>()
  #wireBytes = 0
  #inHeader = true
  /** The field of the present header line; empty for one that is of no use. */
  #field = ''
  #isFirstOfName = false
  #leftOut = false
  #endsInCr = false
  #buffer: Buffer | null = null
  #from = 0
  #to = 0

  constructor(quoting: Quoting) {
    this.#quoting = quoting
  }

  /** The last fragment fed ends in an LF that lacks its CR. */
  lacksCr = false

  /** Takes one line or fragment; returns how many bytes of quoting stand at its start. */
  feed(buffer: Buffer, from: number, to: number, isStart: boolean): number {
    const quoted = isStart ? quotedBytes(buffer, from, to, this.#quoting) : 0
    const endsLine = buffer[to - 1] === LF
    const before = to - from > 1 ? buffer[to - 2] === CR : this.#endsInCr && !isStart
    this.lacksCr = endsLine && !before
    this.#endsInCr = buffer[to - 1] === CR
    this.#wireBytes += to - from - quoted + (this.lacksCr ? 1 : 0)
    if (this.#inHeader) this.#readHeader(buffer, from, to, isStart)
    if (!this.#leftOut) this.#extend(buffer, from, to)
    return quoted
  }

  /** Hashes what has been fed, so that the buffer may change. */
  flush(): void {
    if (this.#buffer !== null && this.#to > this.#from)
      this.#hash.update(this.#buffer.subarray(this.#from, this.#to))
    this.#from = this.#to
  }

  /** Ends the message. May be called once. */
  finish(): Reading {
    this.flush()
    const digest = this.#hash.digest().subarray(0, DIGEST_BYTES)
    return { digest, wireBytes: this.#wireBytes, fields: this.#fields }
  }

  #extend(buffer: Buffer, from: number, to: number): void {
    if (buffer !== this.#buffer || from !== this.#to) {
      this.flush()
      this.#buffer = buffer
      this.#from = from
    }
    this.#to = to
  }

  #readHeader(buffer: Buffer, from: number, to: number, isStart: boolean): void {
    let start = from
    if (isStart && buffer[from] !== 0x20 && buffer[from] !== 0x09) {
      if (isBlank(buffer, from, to)) {
        this.#inHeader = false
        this.#leftOut = false
        return
      }
      this.#field = wantedName(buffer, from, to)
      this.#isFirstOfName = this.#field !== '' && !this.#fields.has(this.#field)
      this.#leftOut = CHANGEABLE.has(this.#field)
      start += this.#field.length + 1
    }
    if (!this.#isFirstOfName) return
    const known = this.#fields.get(this.#field) ?? ''
    if (known.length > MAX_FIELD_CHARACTERS) return
    this.#fields.set(this.#field, known + buffer.toString('latin1', start, to).replace(/[\r\n]+$/, ''))
  }
}

/** True for a line that holds its line end and nothing else. */
export function isBlank(buffer: Buffer, from: number, to: number): boolean {
  return buffer[from] === LF || (to - from === 2 && buffer[from] === CR && buffer[from + 1] === LF)
}

/** The name of the header field that begins here, in small letters, when it is a wanted one; else empty. */
function wantedName(buffer: Buffer, from: number, to: number): string {
  // Most lines are told by their first letter: s, x, r, d.
  const first = (buffer[from] ?? 0) | 0x20
  if (first !== 0x73 && first !== 0x78 && first !== 0x72 && first !== 0x64) return ''
  const head = buffer.toString('latin1', from, Math.min(to, from + MAX_NAME_BYTES))
  const name = head.slice(0, Math.max(0, head.indexOf(':'))).toLowerCase()
  return WANTED.has(name) ? name : ''
}

function quotedBytes(buffer: Buffer, from: number, to: number, quoting: Quoting): number {
  if (buffer[from] !== 0x3e || quoting === 'none') return 0
  let at = from + 1
  if (quoting === 'mboxrd') while (at < to && buffer[at] === 0x3e) at++
  const isQuoted =
    at + 5 <= to &&
    buffer[at] === 0x46 &&
    buffer[at + 1] === 0x72 &&
    buffer[at + 2] === 0x6f &&
    buffer[at + 3] === 0x6d &&
    buffer[at + 4] === 0x20
  return isQuoted ? 1 : 0
}
