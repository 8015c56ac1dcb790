import type { FileHandle } from 'node:fs/promises'
import { throwIfAborted } from '../../src/core/errors.ts'
import { changed } from './changed.ts'

const LF = 0x0a
const FROM = Buffer.from('From ')

/** Lines longer than this come in fragments. */
const LONG_LINE_BYTES = 64 * 1024
/** After a line that begins with `From ` at least so many bytes of the file are at hand, where there are so many. */
const LOOK_AHEAD_BYTES = 1024
const WINDOW_BYTES = 1024 * 1024

/**
 * Goes through a part of a file line by line, with memory for one window whatever the lines are. The present line, or
 * the present fragment of a very long one, is `window[from..to)`, its LF included; it stands until the next `fill`.
 *
 *     do while (lines.next()) { ... } while (await lines.fill(signal))
 */
export class LineReader {
  readonly window: Buffer
  from = 0
  to = 0
  /** A line begins at `from`. */
  isStart = false
  readonly #handle: FileHandle
  readonly #end: number
  /** Where in the file the window begins. */
  #base: number
  #view: Buffer
  readonly #longBytes: number
  readonly #aheadBytes: number
  #next = 0
  #inLine = false

  /** `windowBytes` is for tests: a small window is cut in many more places. */
  constructor(handle: FileHandle, start: number, end: number, windowBytes = WINDOW_BYTES) {
    this.#handle = handle
    this.#base = start
    this.#end = end
    this.#longBytes = Math.min(LONG_LINE_BYTES, windowBytes / 4)
    this.#aheadBytes = Math.min(LOOK_AHEAD_BYTES, windowBytes / 4)
    this.window = Buffer.allocUnsafe(Math.max(1, Math.min(windowBytes, end - start)))
    this.#view = this.window.subarray(0, 0)
  }

  /** Where in the file the present line begins. */
  get offset(): number {
    return this.#base + this.from
  }

  /** Moves to the next line or fragment; false when the window holds no more whole one. */
  next(): boolean {
    const view = this.#view
    const start = this.#next
    const isStart = !this.#inLine
    const isLast = this.#base + view.length >= this.#end
    const lf = view.indexOf(LF, start)
    let stop = lf + 1
    if (lf === -1) {
      const length = view.length - start
      if (length === 0 || (!isLast && length < this.#longBytes)) return false
      stop = view.length
    } else if (isStart && !isLast && view.length - stop < this.#aheadBytes && stop - start < this.#longBytes) {
      if (startsWithFrom(view, start)) return false
    }
    this.from = start
    this.to = stop
    this.isStart = isStart
    this.#inLine = lf === -1
    this.#next = stop
    return true
  }

  /** What follows the present line, as far as it is at hand. */
  ahead(): Buffer {
    return this.#view.subarray(this.to, this.to + this.#aheadBytes)
  }

  /** Reads on; false at the end of the part. Throws `transient` when the file is shorter than it was said to be. */
  async fill(signal: AbortSignal): Promise<boolean> {
    throwIfAborted(signal)
    const kept = this.#view.length - this.#next
    const left = this.#end - (this.#base + this.#view.length)
    if (left <= 0) return false
    this.window.copyWithin(0, this.#next, this.#view.length)
    this.#base += this.#next
    this.#next = 0
    let filled = kept
    const most = Math.min(this.window.length, kept + left)
    while (filled < most) {
      const { bytesRead } = await this.#handle.read(this.window, filled, most - filled, this.#base + filled)
      if (bytesRead === 0) throw changed()
      filled += bytesRead
    }
    this.#view = this.window.subarray(0, filled)
    return true
  }
}

/** True when a line begins with the five bytes `From `. */
export function startsWithFrom(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0x46 && bytes.compare(FROM, 0, 5, at, Math.min(at + 5, bytes.length)) === 0
}
