import { SealpostError } from './errors.ts'

/**
 * Bounds the bytes in flight over all lanes. First come, first served, so that a large message is not starved by
 * small ones; what is larger than the whole budget gets all of it.
 */
export class ByteBudget {
  readonly #total: number
  #free: number
  readonly #waiting: { bytes: number; grant: () => void }[] = []

  constructor(totalBytes: number) {
    this.#total = totalBytes
    this.#free = totalBytes
  }

  /** Resolves when `bytes` are free, with the function that gives them back (twice is safe). */
  async acquire(bytes: number, signal: AbortSignal): Promise<() => void> {
    const share = Math.min(Math.max(bytes, 0), this.#total)
    if (this.#waiting.length > 0 || this.#free < share) await this.#wait(share, signal)
    else this.#free -= share
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#free += share
      this.#grantNext()
    }
  }

  #wait(bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = {
        bytes,
        grant: () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1)
        this.#grantNext()
        reject(new SealpostError('cancelled', 'interrupted'))
      }
      this.#waiting.push(entry)
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  #grantNext(): void {
    for (let next = this.#waiting[0]; next !== undefined && next.bytes <= this.#free; next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#free -= next.bytes
      next.grant()
    }
  }
}
