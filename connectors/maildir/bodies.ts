import type { FileHandle } from 'node:fs/promises'
import { SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import type { Body, Fetched, FlagState, Mailbox } from '../../src/core/mail.ts'
import { flagsOfInfo } from './file-name.ts'
import type { Folder } from './folder.ts'
import { readKeywords } from './keywords.ts'
import { openMessage, pathOf, type Found, type LookUp } from './look-up.ts'
import { lstat } from 'node:fs/promises'
import type { SessionContext } from './session-context.ts'
import { isVerbatim } from './unique-name.ts'
import { WireForm } from './wire-form.ts'
import { toFileError } from './file-errors.ts'

const PIECE_BYTES = 256 * 1024

/** `Session.fetch`: bodies in wire form (see `WireForm`). Marks nothing, renames nothing. */
export async function* fetchBodies(
  context: SessionContext,
  mailbox: Mailbox,
  keys: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Fetched> {
  const folder = context.folder(mailbox)
  const lookUp = context.lookUp(mailbox)
  const limit = context.facts.largeMessageBytes
  const read = (key: string, found: Found): Promise<Fetched> => readBody(folder, key, found, limit, lookUp, signal)
  for await (const [key, fetched] of lookUp.each(keys, read, signal)) yield fetched ?? { kind: 'gone', key }
}

/** `Session.flags`. */
export async function* readFlags(
  context: SessionContext,
  mailbox: Mailbox,
  keys: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<FlagState> {
  const folder = context.folder(mailbox)
  const keywords = await readKeywords(folder)
  const read = async (key: string, found: Found): Promise<readonly string[]> => {
    await lstat(pathOf(folder, key, found))
    return flagsOfInfo(found.info, keywords)
  }
  for await (const [key, flags] of context.lookUp(mailbox).each(keys, read, signal)) {
    if (flags !== null) yield { key, flags }
  }
}

async function readBody(
  folder: Folder,
  key: string,
  found: Found,
  limit: number,
  lookUp: LookUp,
  signal: AbortSignal,
): Promise<Fetched> {
  const handle = await openMessage(pathOf(folder, key, found))
  try {
    const { size } = await handle.stat()
    if (size <= limit) {
      const file = await readWhole(handle, size)
      const body = isVerbatim(key) ? file : new WireForm().convert(file)
      if (body.length <= limit) return { kind: 'whole', key, body }
    }
    const bytes = isVerbatim(key) ? size : await countWire(handle, size, signal)
    return { kind: 'large', key, body: largeBody(folder, key, bytes, size, lookUp, signal) }
  } finally {
    await handle.close()
  }
}

/** A body read from its file in pieces; found anew each time, since its name changes with its flags. */
function largeBody(
  folder: Folder,
  key: string,
  bytes: number,
  fileBytes: number,
  lookUp: LookUp,
  signal: AbortSignal,
): Body {
  return {
    bytes,
    async *open() {
      const handle = await openByKey(folder, key, lookUp, signal)
      try {
        const wire = new WireForm()
        let sent = 0
        for await (const piece of piecesOf(handle, fileBytes, signal)) {
          const converted = isVerbatim(key) ? piece : wire.convert(piece)
          sent += converted.length
          yield converted
        }
        if (sent !== bytes) throw changed()
      } catch (error) {
        throw toFileError(error, 'reading a message file')
      } finally {
        await handle.close()
      }
    },
  }
}

async function openByKey(folder: Folder, key: string, lookUp: LookUp, signal: AbortSignal): Promise<FileHandle> {
  const act = (each: string, found: Found): Promise<FileHandle> => openMessage(pathOf(folder, each, found))
  try {
    for await (const [, handle] of lookUp.each([key], act, signal)) if (handle !== null) return handle
  } catch (error) {
    throw toFileError(error, 'opening a message file')
  }
  throw new SealpostError('not-found', 'the message has gone since it was listed')
}

async function countWire(handle: FileHandle, size: number, signal: AbortSignal): Promise<number> {
  const wire = new WireForm()
  let bytes = size
  for await (const piece of piecesOf(handle, size, signal)) bytes += wire.loneLineFeeds(piece).length
  return bytes
}

async function readWhole(handle: FileHandle, size: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of piecesOf(handle, size, null)) pieces.push(piece)
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces, size)
}

/** The file from its start; `corrupt` when it is not as long as it was, since message files never change. */
async function* piecesOf(handle: FileHandle, size: number, signal: AbortSignal | null): AsyncGenerator<Buffer> {
  let at = 0
  while (at < size) {
    if (signal !== null) throwIfAborted(signal)
    const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, size - at))
    const { bytesRead } = await handle.read(piece, 0, piece.length, at)
    if (bytesRead === 0) throw changed()
    at += bytesRead
    yield piece.subarray(0, bytesRead)
  }
  const { bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, at)
  if (bytesRead !== 0) throw changed()
}

function changed(): SealpostError {
  return new SealpostError('transient', 'a message file changed its length while it was read')
}
