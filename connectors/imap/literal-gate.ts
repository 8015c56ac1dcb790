/** A server that refuses a literal which it was asked to take; nothing of it has been sent. */
export const REFUSED = new Error('refused before its literal was asked for')

/** A reply that came before the command was whole: what is still to be sent would be taken for commands. */
export const DESYNCHRONIZED = new Error('the command ended in the middle of a literal')

/**
 * Where a literal waits for the server's `+`, or for the end of the command. A `+` may come before anybody waits for it:
 * the server can have the announcement in hand while the writer still waits for its socket to drain.
 */
export class LiteralGate {
  #asked = 0
  #ended = false
  #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void } | null = null

  /** Rejects with `REFUSED` when the command ends meanwhile; with `DESYNCHRONIZED` when it had ended before. */
  wait(): Promise<void> {
    if (this.#ended) return Promise.reject(DESYNCHRONIZED)
    if (this.#asked > 0) {
      this.#asked--
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }))
  }

  /** The server has asked for a literal. */
  open(): void {
    if (this.#waiting === null) this.#asked++
    else this.#waiting.resolve()
    this.#waiting = null
  }

  /** The command has ended. */
  end(): void {
    this.#ended = true
    this.#waiting?.reject(REFUSED)
    this.#waiting = null
  }
}
