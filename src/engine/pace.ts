import { setMaxListeners } from 'node:events'
import { throwIfAborted } from '../core/errors.ts'

/**
 * How whoever watches a run slows it down and lets it go on. Nothing is begun while it is paused; what is under way is
 * finished and written down, and the connections are closed. Never more lanes than the run's limit.
 */
export class Pace {
  /** Lanes a pair that the run's limit allows. */
  readonly mostLanes: number
  #lanes: number
  #isPaused = false
  readonly #listeners = new Set<() => void>()

  constructor(mostLanes: number) {
    this.mostLanes = Math.max(1, mostLanes)
    this.#lanes = this.mostLanes
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Lanes a pair that may work; those with a lower index do. */
  get lanes(): number {
    return this.#lanes
  }

  /** Twice is safe. */
  pause(): void {
    this.#isPaused = true
    this.#tell()
  }

  /** Twice is safe. */
  resume(): void {
    this.#isPaused = false
    this.#tell()
  }

  /** From 1 to `mostLanes`; what lies outside is taken as the nearer of the two. */
  setLanes(lanes: number): void {
    this.#lanes = Math.min(this.mostLanes, Math.max(1, Math.round(lanes)))
    this.#tell()
  }

  /** Calls `listener` after each change; returns what ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Resolves when the run is not paused. Rejects with the signal's reason. */
  async whenGoing(signal: AbortSignal): Promise<void> {
    throwIfAborted(signal)
    while (this.#isPaused) await this.#changed(signal)
  }

  #changed(signal: AbortSignal): Promise<void> {
    setMaxListeners(0, signal)
    return new Promise((resolve, reject) => {
      const end = (): void => {
        forget()
        signal.removeEventListener('abort', onAbort)
      }
      const onAbort = (): void => {
        end()
        reject(signal.reason as Error)
      }
      const forget = this.onChange(() => {
        end()
        resolve()
      })
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}
