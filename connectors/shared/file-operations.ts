import { SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import { toFileError } from './file-errors.ts'

/** The operations of one session on files, until it is ended. */
export class FileOperations {
  #alive = true

  get alive(): boolean {
    return this.#alive
  }

  /** Refuses all that is asked from now on. Twice is safe. */
  end(): void {
    this.#alive = false
  }

  /** Runs one operation: refused when the session has ended or the signal is aborted; errors become ours. */
  async run<Result>(what: string, signal: AbortSignal, operation: () => Promise<Result>): Promise<Result> {
    this.#check(signal)
    try {
      return await operation()
    } catch (error) {
      throw toFileError(error, what)
    }
  }

  /** As `run`, for what is handed out piece by piece; the signal is looked at before each piece. */
  async *stream<Item>(what: string, signal: AbortSignal, items: () => AsyncIterable<Item>): AsyncGenerator<Item> {
    this.#check(signal)
    try {
      for await (const item of items()) {
        yield item
        this.#check(signal)
      }
    } catch (error) {
      throw toFileError(error, what)
    }
  }

  #check(signal: AbortSignal): void {
    throwIfAborted(signal)
    if (!this.#alive) throw new SealpostError('transient', 'the session has ended', { code: 'ECONNRESET' })
  }
}
