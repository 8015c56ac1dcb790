import type { FileHandle } from 'node:fs/promises'
import { changed } from './changed.ts'
import { LineReader } from './line-reader.ts'
import type { Entry } from './message-index.ts'
import { MessageReading } from './message-reading.ts'
import type { Quoting } from './options.ts'

const CRLF = Buffer.from('\r\n')

/**
 * One message in wire form, in pieces: unquoted, an LF without a CR before it gets one, all else as it stands in the file.
 * Throws `transient` after the last piece when the message is not the one that was noted.
 */
export async function* piecesOf(
  handle: FileHandle,
  entry: Entry,
  quoting: Quoting,
  signal: AbortSignal,
  windowBytes?: number,
): AsyncGenerator<Buffer> {
  const lines = new LineReader(handle, entry.offset, entry.offset + entry.rawBytes, windowBytes)
  const reading = new MessageReading(quoting)
  do {
    const piece = new Piece(lines.window.length)
    while (lines.next()) {
      const { window, from, to, isStart } = lines
      const start = from + reading.feed(window, from, to, isStart)
      if (reading.lacksCr) {
        piece.put(window, start, to - 1)
        piece.put(CRLF, 0, CRLF.length)
      } else piece.put(window, start, to)
    }
    reading.flush()
    const bytes = piece.take()
    if (bytes.length > 0) yield bytes
  } while (await lines.fill(signal))
  const { digest, wireBytes } = reading.finish()
  if (!digest.equals(entry.digest) || wireBytes !== entry.wireBytes) throw changed()
}

/** As `piecesOf`, in one. */
export async function readWhole(
  handle: FileHandle,
  entry: Entry,
  quoting: Quoting,
  signal: AbortSignal,
): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of piecesOf(handle, entry, quoting, signal)) pieces.push(piece)
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
}

/** Room for what becomes of one window: no more than twice its length, when it holds nothing but line feeds. */
class Piece {
  readonly #windowBytes: number
  #room: Buffer | null = null
  #filled = 0

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes
  }

  put(bytes: Buffer, from: number, to: number): void {
    this.#room ??= Buffer.allocUnsafeSlow(this.#windowBytes * 2)
    this.#filled += bytes.copy(this.#room, this.#filled, from, to)
  }

  take(): Buffer {
    return this.#room === null ? Buffer.alloc(0) : this.#room.subarray(0, this.#filled)
  }
}
