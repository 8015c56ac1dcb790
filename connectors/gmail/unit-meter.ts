import type { Clock } from '../../src/core/clock.ts'

/** The part of a minute's units that may be used at once; the rest comes back evenly. */
const BURST = 0.1
const MINUTE = 60_000

/**
 * Hands out the quota units of one user so that no minute, wherever it begins, sees more than its allowance: a tenth at
 * once, and nine tenths a minute after that. Who asks first is served first.
 */
export class UnitMeter {
  readonly #clock: Clock
  readonly #burst: number
  readonly #rate: number
  #left: number
  #at: number
  #tail: Promise<void> = Promise.resolve()
  #used = 0

  constructor(unitsPerMinute: number, clock: Clock) {
    this.#clock = clock
    this.#burst = unitsPerMinute * BURST
    this.#rate = (unitsPerMinute * (1 - BURST)) / MINUTE
    this.#left = this.#burst
    this.#at = clock.monotonic()
  }

  /** Units handed out so far. */
  get used(): number {
    return this.#used
  }

  /** Waits until so many units may be used. More than fit at once are paid for afterwards. Throws when aborted. */
  async take(units: number, signal: AbortSignal): Promise<void> {
    const before = this.#tail
    let done: () => void = () => undefined
    this.#tail = new Promise((resolve) => (done = resolve))
    await before
    try {
      this.#refill()
      const missing = Math.min(units, this.#burst) - this.#left
      if (missing > 0) {
        await this.#clock.sleep(Math.ceil(missing / this.#rate), signal)
        this.#refill()
      }
      this.#left -= units
      this.#used += units
    } finally {
      done()
    }
  }

  #refill(): void {
    const now = this.#clock.monotonic()
    this.#left = Math.min(this.#burst, this.#left + (now - this.#at) * this.#rate)
    this.#at = now
  }
}
