const FROM = Buffer.from('From ', 'latin1')
const ARROW = Buffer.from('>', 'latin1')
const LF = 0x0a
const GREATER = 0x3e
const F = 0x46

/**
 * The quoting of mboxrd over a stream that may be cut anywhere: `quote` puts one `>` before every line that begins with any
 * number of `>` and `From `, `unquote` takes one away where there is one. Of a line no more than six bytes are held back.
 */
export class FromLines {
  readonly #quotes: boolean
  /** At the beginning of a line, before it is known what it is. */
  #atStart = true
  #isArrowHeld = false
  #matched = 0

  constructor(mode: 'quote' | 'unquote') {
    this.#quotes = mode === 'quote'
  }

  /** What is known of the stream with this piece; may be empty, and may be a view of the piece. */
  push(piece: Uint8Array): Uint8Array {
    const out: Uint8Array[] = []
    let from = 0
    let at = 0
    while (at < piece.length) {
      if (!this.#atStart) {
        const end = piece.indexOf(LF, at)
        this.#atStart = end !== -1
        at = end === -1 ? piece.length : end + 1
        continue
      }
      const byte = piece[at]
      const isHolding = this.#isArrowHeld || this.#matched > 0
      if (!isHolding && byte !== GREATER && byte !== F) {
        this.#atStart = false
        continue
      }
      if (at > from) out.push(piece.subarray(from, at))
      if (this.#matched === 0 && byte === GREATER) {
        if (this.#isArrowHeld) out.push(ARROW)
        this.#isArrowHeld = true
        at++
      } else if (byte === FROM[this.#matched]) {
        this.#matched++
        at++
        if (this.#matched === FROM.length) this.#decide(out)
      } else {
        this.#atStart = false
        out.push(...this.#held())
      }
      from = at
    }
    if (at > from) out.push(piece.subarray(from, at))
    return joined(out)
  }

  /** What is left when nothing follows. */
  end(): Uint8Array {
    return joined(this.#held())
  }

  #decide(out: Uint8Array[]): void {
    if (this.#quotes) out.push(ARROW)
    else this.#isArrowHeld = false
    out.push(...this.#held())
    this.#atStart = false
  }

  /** What was held back, which is not held any more. */
  #held(): Uint8Array[] {
    const held = [
      ...(this.#isArrowHeld ? [ARROW] : []),
      ...(this.#matched > 0 ? [FROM.subarray(0, this.#matched)] : []),
    ]
    this.#isArrowHeld = false
    this.#matched = 0
    return held
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces
  return pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces)
}
