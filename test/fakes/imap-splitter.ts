/** A piece of an IMAP stream, in either direction; a long literal comes in several pieces. */
export type Piece =
  | {
      readonly kind: 'line'
      readonly bytes: Buffer
      /** The line as latin1, without its end. */
      readonly text: string
      /** It begins a command or a response; else it goes on after a literal. */
      readonly first: boolean
      /** The size of the literal that it announces, or null: then it ends the command or response. */
      readonly literal: number | null
    }
  | {
      readonly kind: 'literal'
      readonly bytes: Buffer
      /** Where in the literal these bytes stand. */
      readonly at: number
      readonly size: number
    }

const LF = 0x0a

/**
 * Cuts the bytes of one direction into lines and literals (RFC 9051 section 4.3, RFC 7888, RFC 3516) without holding a
 * literal back. Knows nothing else of IMAP, and shares no code with the program.
 */
export class ImapSplitter {
  #line: Buffer[] = []
  #first = true
  #size = 0
  #left = 0
  /** The literal is sent only once it has been asked for. */
  #waits = false

  /** The pieces that are complete with this chunk. */
  push(chunk: Buffer): Piece[] {
    const pieces: Piece[] = []
    let at = 0
    while (at < chunk.length) {
      if (this.#left > 0) {
        const bytes = chunk.subarray(at, at + this.#left)
        pieces.push({ kind: 'literal', bytes, at: this.#size - this.#left, size: this.#size })
        this.#left -= bytes.length
        at += bytes.length
        continue
      }
      const end = chunk.indexOf(LF, at)
      if (end === -1) {
        this.#line.push(chunk.subarray(at))
        break
      }
      this.#line.push(chunk.subarray(at, end + 1))
      at = end + 1
      const bytes = Buffer.concat(this.#line)
      this.#line = []
      const text = bytes.toString('latin1').replace(/\r?\n$/, '')
      const announced = /\{(\d+)\+?\}$/.exec(text)?.[1]
      const literal = announced === undefined ? null : Number(announced)
      pieces.push({ kind: 'line', bytes, text, first: this.#first, literal })
      this.#first = literal === null
      this.#size = literal ?? 0
      this.#left = this.#size
      this.#waits = literal !== null && !text.endsWith('+}')
    }
    return pieces
  }

  /** The command has been answered: a literal that was to be asked for does not come, and a new command does. */
  answered(): void {
    if (!this.#waits || this.#left !== this.#size) return
    this.#left = 0
    this.#first = true
  }

  /** What has come of a line that has not ended: a peer that stops in the middle of one. */
  rest(): Buffer {
    return Buffer.concat(this.#line)
  }
}
