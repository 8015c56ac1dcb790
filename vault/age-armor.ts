import { SealpostError } from '../src/core/errors.ts'

const BEGIN = '-----BEGIN AGE ENCRYPTED FILE-----'
const END = '-----END AGE ENCRYPTED FILE-----'
const LINE_CHARACTERS = 64
const MAX_LINE_CHARACTERS = 80
/** Blank lines that are borne before the first line and after the last one. */
const MAX_BLANK_CHARACTERS = 1024
const GATHERED_BYTES = 48 * 1024
const BASE64_LINE = /^[A-Za-z0-9+/]+={0,2}$/
const LF = 0x0a

/**
 * Gives the binary form of an age file that may be armored, told apart by its first bytes. Strict as c2sp.org/age says:
 * lines of 64 characters but for the last one, canonical base64, nothing but white space around. Throws `corrupt`.
 */
export async function* removeArmor(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const start: Uint8Array[] = []
  let lines: ArmorReader | null = null
  let binary = false
  for await (const piece of pieces) {
    if (binary) {
      yield piece
      continue
    }
    if (lines === null) {
      start.push(piece)
      const held = Buffer.concat(start)
      const first = firstSolid(held)
      if (first === null) {
        if (held.length > MAX_BLANK_CHARACTERS) throw damaged('begins with too many blank lines')
        continue
      }
      if (held[first] !== 0x2d) {
        binary = true
        yield held
        continue
      }
      lines = new ArmorReader()
      const bytes = lines.push(held.subarray(first))
      if (bytes.length > 0) yield bytes
      continue
    }
    const bytes = lines.push(piece)
    if (bytes.length > 0) yield bytes
  }
  if (lines !== null) yield lines.finish()
  else if (!binary) throw damaged('is empty')
}

/** Where the first byte that is not white space stands, or null. */
function firstSolid(bytes: Uint8Array): number | null {
  const index = bytes.findIndex((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d)
  return index === -1 ? null : index
}

class ArmorReader {
  #state: 'begin' | 'body' | 'short' | 'end' = 'begin'
  #line = ''
  #blank = 0
  #decoded: Buffer[] = []
  #decodedBytes = 0

  /** Takes a piece of text and gives what it decodes to, gathered into larger pieces. */
  push(piece: Uint8Array): Buffer {
    let start = 0
    for (let end = piece.indexOf(LF); end !== -1; end = piece.indexOf(LF, start)) {
      this.#take(piece.subarray(start, end))
      this.#endLine()
      start = end + 1
    }
    this.#take(piece.subarray(start))
    return this.#decodedBytes >= GATHERED_BYTES ? this.#flush() : Buffer.alloc(0)
  }

  finish(): Buffer {
    if (this.#line !== '') this.#endLine()
    if (this.#state !== 'end') throw damaged('ends too early')
    return this.#flush()
  }

  #take(part: Uint8Array): void {
    if (this.#line.length + part.length > MAX_LINE_CHARACTERS) throw damaged('has a line that is too long')
    this.#line += Buffer.from(part).toString('latin1')
  }

  #endLine(): void {
    const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line
    this.#line = ''
    if (this.#state === 'end') {
      this.#blank += line.length + 1
      if (line.trim() !== '' || this.#blank > MAX_BLANK_CHARACTERS) throw damaged('goes on after its end')
    } else if (this.#state === 'begin') {
      if (line.trimEnd() !== BEGIN) throw damaged('does not begin as one')
      this.#state = 'body'
    } else if (line.trimEnd() === END) {
      this.#state = 'end'
    } else {
      this.#decode(line)
    }
  }

  #decode(line: string): void {
    if (this.#state === 'short' || line.length > LINE_CHARACTERS) throw damaged('has lines of the wrong length')
    const bytes = Buffer.from(line, 'base64')
    if (!BASE64_LINE.test(line) || bytes.toString('base64') !== line) throw damaged('holds what is not base64')
    // A line that is short, or padded, can only be the last one.
    if (line.length < LINE_CHARACTERS || line.endsWith('=')) this.#state = 'short'
    this.#decoded.push(bytes)
    this.#decodedBytes += bytes.length
  }

  #flush(): Buffer {
    const bytes = Buffer.concat(this.#decoded)
    this.#decoded = []
    this.#decodedBytes = 0
    return bytes
  }
}

function damaged(how: string): SealpostError {
  return new SealpostError('corrupt', `the armored age file ${how}`)
}
