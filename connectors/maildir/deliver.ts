import { open, rename, unlink } from 'node:fs/promises'
import { SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import type { Outcome } from '../../src/core/connector.ts'
import type { Mailbox, NewMessage } from '../../src/core/mail.ts'
import { flushFolder } from '../../src/files/durable.ts'
import { announcedBytes, exactPieces } from '../shared/exact-body.ts'
import { toFileError } from '../shared/file-errors.ts'
import { infoOfFlags } from './file-name.ts'
import { within, type Folder } from './folder.ts'
import { assignKeywords, type Keywords } from './keywords.ts'
import { giveAway } from './ownership.ts'
import { readFloor } from './position.ts'
import { MAILDIR_CAPABILITIES, MAILDIR_VALIDITY } from './options.ts'
import type { SessionContext } from './session-context.ts'
import { ownStamp, withFacts, type NameFacts } from './unique-name.ts'
import { WireForm } from '../shared/wire-form.ts'

/** A message that lies written and flushed in `tmp`, and what it will be called. */
interface Written {
  readonly temporary: Buffer
  readonly base: string
  readonly info: string
}

/** Messages of a batch that are written at once, so that one flush of the disk does for several. */
const AT_ONCE = 8

/**
 * `DestinationSession.append`. Every message of the batch is written to `tmp` and flushed first; what fails or is
 * stopped until then has stored nothing. Then each is renamed into `cur`, which stores it whole, and the folder is
 * flushed once. A crash leaves whole messages and files in `tmp`, which are none.
 */
export async function deliver(
  context: SessionContext,
  mailbox: Mailbox,
  batch: readonly NewMessage[],
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  checkBatch(batch)
  const folder = context.folder(mailbox)
  const floor = await readFloor(context, folder, signal)
  const keywords = await assignKeywords(context.facts, folder, keywordsOf(batch), signal)
  const written: Written[] = []
  try {
    for (let start = 0; start < batch.length; start += AT_ONCE) {
      const slice = batch.slice(start, start + AT_ONCE)
      // Named here, so that names are in the order of the batch: servers number new mail by them.
      const writing = slice.map((message) =>
        write(context, folder, message, context.facts.names.next(floor), keywords, signal),
      )
      const settled = await Promise.allSettled(writing)
      for (const result of settled) if (result.status === 'fulfilled') written.push(result.value)
      for (const result of settled) if (result.status === 'rejected') throw result.reason
    }
    throwIfAborted(signal)
  } catch (error) {
    for (const { temporary } of written) await unlink(temporary).catch(() => undefined)
    throw error
  }
  return publish(context, folder, written)
}

function checkBatch(batch: readonly NewMessage[]): void {
  const { messages, bytes } = MAILDIR_CAPABILITIES.appendBatch
  const total = batch.reduce((sum, { body }) => sum + announcedBytes(body), 0)
  if (batch.length > messages || (batch.length > 1 && total > bytes)) {
    throw new SealpostError('bug', 'a batch is larger than this end takes')
  }
  if (batch.some(({ flags }) => flags.some((flag) => flag.toLowerCase() === '\\deleted'))) {
    throw new SealpostError('bug', 'an append may not set \\Deleted')
  }
}

function keywordsOf(batch: readonly NewMessage[]): ReadonlySet<string> {
  return new Set(batch.flatMap(({ flags }) => flags.filter((flag) => !flag.startsWith('\\'))))
}

async function write(
  context: SessionContext,
  folder: Folder,
  message: NewMessage,
  name: string,
  keywords: Keywords,
  signal: AbortSignal,
): Promise<Written> {
  const { facts } = context
  const temporary = within(folder.directory, 'tmp', name)
  const handle = await open(temporary, 'wx', 0o600)
  try {
    const sizes: { fileBytes: number; loneLineFeeds: number } = { fileBytes: 0, loneLineFeeds: 0 }
    const wire = new WireForm()
    for await (const piece of exactPieces(message.body, signal)) {
      const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.length)
      sizes.fileBytes += bytes.length
      sizes.loneLineFeeds += wire.loneLineFeeds(bytes).length
      await handle.writeFile(bytes)
    }
    const date = new Date(message.internalDate)
    await handle.utimes(date, date)
    await giveAway(facts, handle)
    await handle.sync()
    await handle.close()
    const nameFacts: NameFacts = {
      fileBytes: sizes.fileBytes,
      wireBytes: sizes.fileBytes + sizes.loneLineFeeds,
      verbatim: sizes.loneLineFeeds > 0,
    }
    return { temporary, base: withFacts(name, nameFacts), info: infoOfFlags(message.flags, keywords, '') }
  } catch (error) {
    await handle.close()
    await unlink(temporary).catch(() => undefined)
    throw error
  }
}

/** Nothing here looks at the signal: what is written is stored or not by the file system alone. */
async function publish(
  context: SessionContext,
  folder: Folder,
  written: readonly Written[],
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  for (const { temporary, base, info } of written) {
    try {
      await rename(temporary, within(folder.directory, 'cur', base + info))
      context.facts.names.note(folder.directory, ownStamp(base) ?? 0)
      outcomes.push({ kind: 'landed', key: base, validity: MAILDIR_VALIDITY })
    } catch (error) {
      await unlink(temporary).catch(() => undefined)
      outcomes.push({ kind: 'refused', error: toFileError(error, 'storing a message file') })
    }
  }
  try {
    await flushFolder(within(folder.directory, 'cur'))
  } catch (error) {
    const unsure = toFileError(error, 'flushing a folder')
    return outcomes.map((outcome) => (outcome.kind === 'landed' ? { kind: 'unknown', error: unsure } : outcome))
  }
  return outcomes
}
