import type { Outcome } from '../../src/core/connector.ts'
import { isKind, SealpostError } from '../../src/core/errors.ts'
import type { Mailbox, NewMessage } from '../../src/core/mail.ts'
import { announcedBytes } from '../shared/exact-body.ts'
import { checkSize } from './capabilities.ts'
import { noteMark } from './find.ts'
import { longestLine } from './longest-line.ts'
import type { Part } from './command-writer.ts'
import type { Context } from './context.ts'
import { isSystemFlag, sendableFlags } from './flag-names.ts'
import { formatInternalDate } from './internal-date.ts'
import { refusalOf } from './response-codes.ts'
import type { Reply } from './response.ts'
import { select, type Selection } from './selection.ts'
import { expandUids } from './uid-set.ts'
import { nameParts } from './wire-name.ts'

/**
 * Stores a batch with one command (RFC 9051 section 6.3.12, RFC 3502 for more than one message). Flags are held
 * against what the target mailbox keeps, which is asked once a mailbox. Throws while nothing can have been stored;
 * from the last byte of the command on a lost connection makes every message `unknown`.
 */
export async function append(
  context: Context,
  mailbox: Mailbox,
  batch: readonly NewMessage[],
  maxMessageBytes: number | null,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  if (batch.length === 0) return []
  if (batch.length > 1 && !context.features.multiAppend)
    throw new SealpostError('bug', 'imap: a batch without MULTIAPPEND')
  if (batch.some(({ flags }) => flags.some((flag) => flag.toLowerCase() === '\\deleted'))) {
    throw new SealpostError('bug', 'imap: \\Deleted is set last, not by an append')
  }
  const oversized = await Promise.all(batch.map((message) => notTaken(message, maxMessageBytes, context, signal)))
  if (oversized.some((error) => error !== null)) {
    const others = new SealpostError('rejected', 'imap: another message of the batch is not taken', {
      code: 'BATCH',
    })
    return oversized.map((error) => ({ kind: 'refused', error: error ?? others }))
  }
  const kept = await flagsKept(context, mailbox, signal)
  if (context.selected?.name === mailbox.name && !context.selected.writable) {
    // Courier refuses to append to a mailbox that the session has open for reading only.
    await select(context, mailbox, { write: true, fresh: false, anyValidity: true }, signal)
  }
  const first = await send(context, mailbox, batch, (message) => acceptable(message, kept), signal)
  if (first.kind === 'unknown') return batch.map(() => ({ kind: 'unknown', error: first.error }))
  if (first.reply.status === 'OK') return landed(context, mailbox, first.reply, batch.length)
  const refusal = refusalOf(first.reply, 'imap: storing messages')
  return batch.map(() => ({ kind: 'refused', error: refusal }))
}

type Sent =
  { readonly kind: 'replied'; readonly reply: Reply } | { readonly kind: 'unknown'; readonly error: SealpostError }

async function send(
  context: Context,
  mailbox: Mailbox,
  batch: readonly NewMessage[],
  flagsOf: (message: NewMessage) => readonly string[],
  signal: AbortSignal,
): Promise<Sent> {
  const { connection, features } = context
  const parts: Part[] = ['APPEND ', ...nameParts(mailbox.name)]
  const isSuspect = batch.some(({ suspect }) => suspect === true)
  for (const [index, message] of batch.entries()) {
    // The server asks for the last one when it has taken in all before it: what kills a connection in the middle of a
    // batch is then known to have stored nothing, and leaves nothing in doubt.
    const waits = (batch.length > 1 || isSuspect) && index === batch.length - 1
    parts.push(` (${flagsOf(message).join(' ')}) ${formatInternalDate(message.internalDate)} `)
    parts.push({ literal: message.body, literal8: message.nul && features.binary, waits })
  }
  const sent = { lastByte: false }
  const options = { onHandingOver: (): void => void (sent.lastByte = true), holdsBack: isSuspect }
  try {
    return { kind: 'replied', reply: await connection.run(parts, options, signal) }
  } catch (error) {
    if (!sent.lastByte) throw error
    const code = isKind(error) ? error.code : undefined
    return {
      kind: 'unknown',
      error: new SealpostError('unknown-outcome', 'imap: the connection was lost before the server answered', {
        cause: error,
        ...(code === undefined ? {} : { code }),
      }),
    }
  }
}

/** The keys from APPENDUID (RFC 4315 section 3), in the order of the batch; null keys where it does not fit. */
function landed(context: Context, mailbox: Mailbox, reply: Reply, count: number): readonly Outcome[] {
  const [validity, set] = reply.code === 'APPENDUID' ? reply.codeText.trim().split(/\s+/) : []
  const uids = set === undefined || !context.features.uidPlus ? null : expandUids(set, count)
  if (validity === undefined || !/^\d{1,10}$/.test(validity) || uids?.length !== count) {
    context.positions.delete(mailbox.name)
    return Array.from({ length: count }, () => ({ kind: 'landed', key: null, validity: null }))
  }
  noteMark(context, mailbox, { validity, next: String(Math.max(...uids) + 1) })
  return uids.map((uid) => ({ kind: 'landed', key: String(uid), validity }))
}

function acceptable(
  message: NewMessage,
  kept: Pick<Selection, 'permanentFlags' | 'anyKeyword'>,
): readonly string[] {
  return sendableFlags(message.flags).filter((flag) => {
    if (isSystemFlag(flag)) return true
    const folded = flag.toLowerCase()
    return kept.anyKeyword || kept.permanentFlags.some((known) => known.toLowerCase() === folded)
  })
}

async function flagsKept(
  context: Context,
  mailbox: Mailbox,
  signal: AbortSignal,
): Promise<Pick<Selection, 'permanentFlags' | 'anyKeyword'>> {
  const known = context.flagsKept.get(mailbox.name)
  if (known !== undefined) return known
  // EXAMINE shows no PERMANENTFLAGS: nothing can be changed there.
  const selection = await select(context, mailbox, { write: true, fresh: false, anyValidity: true }, signal)
  context.flagsKept.set(mailbox.name, selection)
  return selection
}

/** Why the server is known not to take a message, before it is asked; null when it may. */
async function notTaken(
  { body }: NewMessage,
  limit: number | null,
  context: Context,
  signal: AbortSignal,
): Promise<SealpostError | null> {
  try {
    checkSize(announcedBytes(body), limit)
  } catch (error) {
    if (isKind(error)) return error
    throw error
  }
  const { maxLineBytes } = context.manners
  if (maxLineBytes === undefined || (await longestLine(body, signal)) <= maxLineBytes) return null
  const text = `imap: a line of the message is longer than the ${maxLineBytes} bytes that the server takes`
  return new SealpostError('rejected', text, { code: 'LONGLINE' })
}
