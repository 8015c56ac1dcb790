import { throwIfAborted } from '../../src/core/errors.ts'

interface Waiting {
  readonly places: number
  readonly go: () => void
}

/**
 * Lets so many requests of one mailbox be in flight at once, over all its sessions: Exchange Online refuses the fifth
 * (`MailboxConcurrency`), and a refused request still counts. First come, first served.
 */
export class RequestGate {
  readonly #most: number
  #free: number
  readonly #queue: Waiting[] = []

  constructor(most: number) {
    this.#most = most
    this.#free = most
  }

  /**
   * Resolves when there is room; the returned function gives it back, and twice is safe. `whole` takes all places: the
   * requests of a batch are carried out four at a time. Throws `cancelled`.
   */
  async enter(signal: AbortSignal, whole = false): Promise<() => void> {
    throwIfAborted(signal)
    const places = whole ? this.#most : 1
    await new Promise<void>((resolve) => {
      const waiting: Waiting = {
        places,
        go: () => {
          signal.removeEventListener('abort', onAbort)
          this.#free -= places
          resolve()
        },
      }
      const onAbort = (): void => {
        const at = this.#queue.indexOf(waiting)
        if (at !== -1) this.#queue.splice(at, 1)
        this.#free -= places
        resolve()
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#queue.push(waiting)
      this.#serve()
    })
    let left = false
    const leave = (): void => {
      if (left) return
      left = true
      this.#free += places
      this.#serve()
    }
    if (signal.aborted) leave()
    throwIfAborted(signal)
    return leave
  }

  #serve(): void {
    for (let next = this.#queue[0]; next !== undefined && next.places <= this.#free; next = this.#queue[0]) {
      this.#queue.shift()
      next.go()
    }
  }
}
