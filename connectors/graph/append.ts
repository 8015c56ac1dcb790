import type { Outcome } from '../../src/core/connector.ts'
import { isKind, SealpostError, toSealpostError } from '../../src/core/errors.ts'
import type { Mailbox, NewMessage } from '../../src/core/mail.ts'
import { announcedBytes, readExactly } from '../shared/exact-body.ts'
import type { GraphCall } from './client.ts'
import type { NativeSource, WriteMode } from './config.ts'
import type { GraphContext } from './context.ts'
import { isPassing } from './errors.ts'
import { folderPath } from './folders.ts'
import { textOf } from './json.ts'
import { immutableIdOf, importItem } from './native-items.ts'
import { VALIDITY } from './position.ts'
import { rebuildMessage } from './rebuild-message.ts'

/** One request takes 4 MB. */
const MOST_REQUEST_BYTES = 3_900_000
/** A draft as MIME is encoded twice on its way and is lost without a word above this. */
export const MOST_DRAFT_BYTES = 2_200_000

/** What a message may have at most, so that it fits into one request: parts once, and the original once more. */
export function mostBytes(write: WriteMode): number {
  if (write.mode === 'transfer') return write.maxMessageBytes
  if (write.mode === 'drafts-only') return MOST_DRAFT_BYTES
  return write.attachOriginal ? 1_300_000 : 2_600_000
}

/**
 * Stores one message with one request, so that it is there whole or not at all. A draft that goes to the drafts goes as MIME,
 * which makes a draft of everything and is right for nothing else; any other message is made anew from its parts.
 */
export async function append(
  context: GraphContext,
  mailbox: Mailbox,
  batch: readonly NewMessage[],
  write: WriteMode,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const [message] = batch
  if (message === undefined) return []
  if (batch.length > 1) throw new SealpostError('bug', 'graph: a batch of more than one')
  if (message.flags.some((flag) => flag.toLowerCase() === '\\deleted')) {
    throw new SealpostError('bug', 'graph: an append may not set \\Deleted')
  }
  const bytes = announcedBytes(message.body)
  if (bytes > mostBytes(write))
    return [
      refused('TOOBIG', `graph: the message is larger than the ${mostBytes(write)} bytes that go by this way`),
    ]
  if (write.mode === 'transfer') return [await transfer(context, mailbox, message, write, signal)]
  const body = await readExactly(message.body, signal)
  const isDraft = message.flags.includes('\\Draft') && mailbox.specialUse === 'drafts'
  if (isDraft && plainDraft(message)) return [await create(context, draftCall(context, body), signal)]
  if (write.mode === 'drafts-only') return [refused('NO_WRITER', 'graph: only drafts are written by this way')]
  const json = rebuildMessage(body, message, write.attachOriginal)
  if (Buffer.byteLength(JSON.stringify(json)) > MOST_REQUEST_BYTES) {
    return [refused('TOOBIG', 'graph: the message does not fit into one request')]
  }
  const what = 'storing a message'
  const call: GraphCall = { method: 'POST', path: `${folderPath(context, mailbox.name)}/messages`, what, json }
  return [await create(context, call, signal)]
}

/** MIME carries no flags: a draft that has others than a draft's own is made anew with them. */
function plainDraft({ flags }: NewMessage): boolean {
  return flags.every((flag) => flag === '\\Draft' || flag === '\\Seen')
}

function draftCall(context: GraphContext, body: Uint8Array): GraphCall {
  const text = Buffer.from(body).toString('base64')
  return { method: 'POST', path: `${context.client.user}/messages`, what: 'storing a draft', text }
}

/** The item itself, as it is at the source: the body that was read is what it is known again by. */
async function transfer(
  context: GraphContext,
  mailbox: Mailbox,
  message: NewMessage,
  { from, sourceOf }: Extract<WriteMode, { mode: 'transfer' }>,
  signal: AbortSignal,
): Promise<Outcome> {
  const { account } = context.client
  if (message.sourceKey === undefined)
    throw new SealpostError('bug', 'graph: an item without its key at the source')
  const sent = { lastByte: false }
  let id: string
  try {
    const item = await exported(from, sourceOf(account), message.sourceKey, signal)
    id = await importItem(context, mailbox.name, item, () => void (sent.lastByte = true), signal)
  } catch (error) {
    return outcomeOf(error, sent.lastByte)
  }
  try {
    return { kind: 'landed', key: await immutableIdOf(context, id, signal), validity: VALIDITY }
  } catch (error) {
    // It is there, and its key is not known: that is looked for as after a lost answer.
    return inDoubt(toSealpostError(error, 'graph: asking for the id of an item'))
  }
}

async function exported(from: NativeSource, account: string, key: string, signal: AbortSignal): Promise<string> {
  try {
    return await from.exportItem(account, key, signal)
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error
    // Not the destination's: when it is fetched again the source says so itself.
    throw new SealpostError('transient', 'graph: an item has gone from the source since it was read', {
      code: 'GONE',
    })
  }
}

/** 201 and an id, or it did not happen: Graph answers 200 to what it has thrown away. */
async function create(context: GraphContext, call: GraphCall, signal: AbortSignal): Promise<Outcome> {
  const sent = { lastByte: false }
  try {
    const onHandingOver = (): void => void (sent.lastByte = true)
    const { status, body } = await context.client.call({ ...call, onHandingOver }, signal)
    const key = textOf(body, 'id')
    if (status !== 201 || key === null) {
      return refused(
        'NOT_STORED',
        `graph: ${call.what}: the server answered ${status} and stored nothing`,
        'write this message by IMAP',
      )
    }
    return { kind: 'landed', key, validity: VALIDITY }
  } catch (error) {
    return outcomeOf(error, sent.lastByte)
  }
}

/** Throws where nothing can have been stored. */
function outcomeOf(error: unknown, lastByteSent: boolean): Outcome {
  if (!isKind(error)) throw error
  if (lastByteSent && (isKind(error, 'cancelled') || isPassing(error))) return inDoubt(error)
  if (isKind(error, 'transient', 'cancelled', 'auth', 'config')) throw error
  return { kind: 'refused', error }
}

function inDoubt(cause: SealpostError): Outcome {
  const code = cause.code === undefined ? {} : { code: cause.code }
  const text = 'graph: no answer came to a message that was sent'
  return { kind: 'unknown', error: new SealpostError('unknown-outcome', text, { cause, ...code }) }
}

function refused(code: string, text: string, hint = 'write it by IMAP (write: imap)'): Outcome {
  return { kind: 'refused', error: new SealpostError('rejected', text, { code, hint }) }
}
