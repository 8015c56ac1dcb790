import type { Clock } from '../core/clock.ts'

/** Slices that every lane takes, on average, between two steps up. */
const SLICES_A_LANE = 6
/** A step up that does not raise the throughput by so much is taken back. */
const WORTH = 1.08
/** How many steps are then left out. */
const PATIENCE = 8
/** Several lanes hear of one throttling. */
const ONE_THROTTLING_MS = 5_000

/**
 * How many of a pair's lanes may work: half as many when the server throttles, one more after each stretch without it,
 * unless the one before brought nothing (additive increase, multiplicative decrease). Begins with `first` of them, and
 * tells `onChange` of each change.
 */
export class LaneAllowance {
  readonly #most: number
  readonly #clock: Clock
  readonly #onChange: (allowed: number) => void
  #allowed: number
  #slices = 0
  #work = 0
  /** When the stretch began; null before its first slice is through: what came before was connecting and listing. */
  #since: number | null = null
  #cutAt = Number.NEGATIVE_INFINITY
  /** What was reached before the last step up, in work a millisecond; null when there was none. */
  #before: number | null = null
  #rest = 0

  constructor(first: number, most: number, clock: Clock, onChange: (allowed: number) => void = () => undefined) {
    this.#most = most
    this.#allowed = Math.min(first, most)
    this.#clock = clock
    this.#onChange = onChange
  }

  /** Lanes with a lower index may work. Never below 1. */
  get allowed(): number {
    return this.#allowed
  }

  /** The server asked for less. */
  noteThrottled(): void {
    const now = this.#clock.monotonic()
    if (now - this.#cutAt < ONE_THROTTLING_MS) return
    this.#cutAt = now
    this.#allow(Math.floor(this.#allowed / 2))
    this.#before = null
    this.#begin(now)
  }

  /** A slice is through. */
  noteSlice(messages: number, bytes: number): void {
    if (this.#allowed >= this.#most && this.#before === null) return
    if (this.#since === null) {
      this.#begin(this.#clock.monotonic())
      return
    }
    this.#slices++
    // What a message costs beside its bytes, in bytes.
    this.#work += bytes + messages * 4096
    if (this.#slices < SLICES_A_LANE * this.#allowed) return
    const now = this.#clock.monotonic()
    const reached = this.#work / Math.max(1, now - this.#since)
    const wasInVain = this.#before !== null && reached < this.#before * WORTH
    if (wasInVain) {
      this.#allow(this.#allowed - 1)
      this.#rest = PATIENCE
      this.#before = null
    } else if (this.#rest > 0) this.#rest--
    else if (this.#allowed < this.#most) {
      this.#before = reached
      this.#allow(this.#allowed + 1)
    } else this.#before = null
    this.#begin(now)
  }

  #allow(lanes: number): void {
    const allowed = Math.max(1, lanes)
    if (allowed === this.#allowed) return
    this.#allowed = allowed
    this.#onChange(allowed)
  }

  #begin(now: number): void {
    this.#slices = 0
    this.#work = 0
    this.#since = now
  }
}
