/** Cuts a stream into parts of known lengths, one after the other; each is to be read to its end before the next one. */
export class Cutter {
  readonly #pieces: AsyncIterator<Uint8Array>
  #rest: Uint8Array = new Uint8Array()

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]()
  }

  /** The next `bytes`; fewer when the stream ends before. */
  async *take(bytes: number): AsyncGenerator<Uint8Array> {
    for (let left = bytes; left > 0;) {
      if (this.#rest.length === 0) {
        const next = await this.#pieces.next()
        if (next.done === true) return
        this.#rest = next.value
      }
      const part = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(part.length)
      left -= part.length
      yield part
    }
  }

  /** Reads what is left, so that whoever made the stream knows that it was taken. */
  async end(): Promise<void> {
    this.#rest = new Uint8Array()
    for (;;) if ((await this.#pieces.next()).done === true) return
  }
}
