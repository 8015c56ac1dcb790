import { lstat } from 'node:fs/promises'
import { SealpostError } from '../../src/core/errors.ts'
import type { Body, Fetched, FlagState, Mailbox } from '../../src/core/mail.ts'
import { toFileError } from '../shared/file-errors.ts'
import { flagsOfInfo } from './file-name.ts'
import type { Folder } from './folder.ts'
import { readKeywords } from './keywords.ts'
import type { Found, LookUp } from './look-up.ts'
import { changed, openMessage, pathOf, piecesOf, readWhole, type MessageFile } from './message-file.ts'
import type { SessionContext } from './session-context.ts'
import { isVerbatim } from './unique-name.ts'
import { WireForm } from '../shared/wire-form.ts'

/** What is larger is read when it is asked for: of the others a few are in memory ahead of that. */
const AHEAD_BYTES = 1024 * 1024

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
  const read = async (key: string, found: Found, turn: Promise<void>): Promise<Fetched> => {
    const file = await openMessage(pathOf(folder, key, found))
    try {
      if (file.size > AHEAD_BYTES) await turn
      return await readBody(folder, key, file, limit, lookUp, signal)
    } finally {
      await file.handle.close()
    }
  }
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
  file: MessageFile,
  limit: number,
  lookUp: LookUp,
  signal: AbortSignal,
): Promise<Fetched> {
  const { size } = file
  if (size <= limit) {
    const bytes = await readWhole(file)
    const body = isVerbatim(key) ? bytes : new WireForm().convert(bytes)
    if (body.length <= limit) return { kind: 'whole', key, body }
  }
  const bytes = isVerbatim(key) ? size : await countWire(file, signal)
  return { kind: 'large', key, body: largeBody(folder, key, bytes, size, lookUp, signal) }
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
      const file = await openByKey(folder, key, lookUp, signal)
      try {
        const wire = new WireForm()
        let sent = 0
        if (file.size !== fileBytes) throw changed()
        for await (const piece of piecesOf(file, signal)) {
          const converted = isVerbatim(key) ? piece : wire.convert(piece)
          sent += converted.length
          yield converted
        }
        if (sent !== bytes) throw changed()
      } catch (error) {
        throw toFileError(error, 'reading a message file')
      } finally {
        await file.handle.close()
      }
    },
  }
}

async function openByKey(folder: Folder, key: string, lookUp: LookUp, signal: AbortSignal): Promise<MessageFile> {
  const act = (each: string, found: Found): Promise<MessageFile> => openMessage(pathOf(folder, each, found))
  try {
    for await (const [, file] of lookUp.each([key], act, signal)) if (file !== null) return file
  } catch (error) {
    throw toFileError(error, 'opening a message file')
  }
  throw new SealpostError('not-found', 'the message has gone since it was listed')
}

async function countWire(file: MessageFile, signal: AbortSignal): Promise<number> {
  const wire = new WireForm()
  let bytes = file.size
  for await (const piece of piecesOf(file, signal)) bytes += wire.loneLineFeeds(piece).length
  return bytes
}
