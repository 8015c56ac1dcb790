import type { FileHandle } from 'node:fs/promises'
import { SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import { openQuietly } from '../shared/open-quietly.ts'
import { within, type Folder } from './folder.ts'
import type { Found } from './look-up.ts'

/** A message's file, open for reading. */
export interface MessageFile {
  readonly handle: FileHandle
  /** Its length when it was opened; message files never change. */
  readonly size: number
}

const PIECE_BYTES = 256 * 1024

/** The path of a message's file. */
export function pathOf(folder: Folder, key: string, found: Found): Buffer {
  return within(folder.directory, found.place, key + found.info)
}

/**
 * Opens a message's file, without leaving a trace in its times where that is allowed. Throws `rejected` for what is no
 * plain file: a link may lead out of the Maildir, and a pipe would never end.
 */
export async function openMessage(path: Buffer): Promise<MessageFile> {
  const handle = await openQuietly(path, 'a message file')
  const stat = await handle.stat()
  if (stat.isFile()) return { handle, size: stat.size }
  await handle.close()
  throw new SealpostError('rejected', 'what should be a message file is none')
}

/** The file whole; `transient` when it is not as long as it was. */
export async function readWhole({ handle, size }: MessageFile): Promise<Buffer> {
  const room = Buffer.allocUnsafe(size + 1)
  let filled = 0
  for (;;) {
    const { bytesRead } = await handle.read(room, filled, room.length - filled, filled)
    filled += bytesRead
    if (bytesRead === 0 || filled === size || filled === room.length) break
  }
  if (filled !== size) throw changed()
  return room.subarray(0, size)
}

/** The file in pieces from its start; `transient` when it is not as long as it was. */
export async function* piecesOf({ handle, size }: MessageFile, signal: AbortSignal): AsyncGenerator<Buffer> {
  let at = 0
  while (at < size) {
    throwIfAborted(signal)
    const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, size - at))
    const { bytesRead } = await handle.read(piece, 0, piece.length, at)
    if (bytesRead === 0) throw changed()
    at += bytesRead
    yield piece.subarray(0, bytesRead)
  }
  const { bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, at)
  if (bytesRead !== 0) throw changed()
}

/** What is thrown when a message file is not what it was. */
export function changed(): SealpostError {
  return new SealpostError('transient', 'a message file changed its length while it was read')
}
