import { SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import type { AccountIndex } from './account-index.ts'
import type { AccountApi } from './api.ts'
import type { Labels } from './labels.ts'

/** A number of the history, and for how many appends it has served. */
export interface Mark {
  readonly at: number
  readonly uses: number
}

/** What the parts of one session share. */
export class Context {
  readonly api: AccountApi
  readonly index: AccountIndex
  readonly labels: Labels
  /** The number of the history under which the last append was made; the next one may use it once more. */
  mark: Mark | null = null
  /** The number that was given out last. */
  taken: Mark | null = null
  #alive = true

  constructor(api: AccountApi, index: AccountIndex, labels: Labels) {
    this.api = api
    this.index = index
    this.labels = labels
  }

  get alive(): boolean {
    return this.#alive
  }

  close(): void {
    this.#alive = false
  }

  /** Throws `cancelled` when the signal is aborted, `transient` when the session has ended. */
  check(signal: AbortSignal): void {
    throwIfAborted(signal)
    if (!this.#alive) throw new SealpostError('transient', 'Gmail: the session has ended', { code: 'CLOSED' })
  }
}
