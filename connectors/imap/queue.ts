/** What a queue tells when it has filled up and when there is room again. */
export interface Pressure {
  readonly full: () => void
  readonly room: () => void
}

/** Hands items from a producer that cannot wait to a consumer that may be slow; the producer is told to stop. */
export class Queue<T> {
  readonly #limit: number
  readonly #pressure: Pressure
  #items: { readonly item: T; readonly bytes: number }[] = []
  #head = 0
  #bytes = 0
  #stopped = false
  #ended = false
  #discarding = false
  #failed: { readonly error: unknown } | null = null
  #wake: (() => void) | null = null

  constructor(limitBytes: number, pressure: Pressure) {
    this.#limit = limitBytes
    this.#pressure = pressure
  }

  push(item: T, bytes: number): void {
    if (this.#discarding) return
    this.#items.push({ item, bytes })
    this.#bytes += bytes
    if (this.#bytes > this.#limit && !this.#stopped) {
      this.#stopped = true
      this.#pressure.full()
    }
    this.#notify()
  }

  /** Throws away what is there and what comes. Twice is safe. */
  discard(): void {
    this.#discarding = true
    this.#items = []
    if (this.#stopped) this.#pressure.room()
    this.#stopped = false
  }

  end(): void {
    this.#ended = true
    this.#notify()
  }

  /** What was pushed before is handed out no more: the error comes at once. */
  fail(error: unknown): void {
    this.#failed = { error }
    this.#notify()
  }

  async *items(): AsyncGenerator<T> {
    for (;;) {
      if (this.#failed !== null) throw this.#failed.error
      const next = this.#items[this.#head]
      if (next !== undefined) {
        this.#head++
        this.#bytes -= next.bytes
        if (this.#head === this.#items.length || this.#head > 1024) {
          this.#items = this.#items.slice(this.#head)
          this.#head = 0
        }
        if (this.#stopped && this.#bytes <= this.#limit / 2) {
          this.#stopped = false
          this.#pressure.room()
        }
        yield next.item
      } else if (this.#ended) return
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  #notify(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }
}
