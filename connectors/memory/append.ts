import { SealpostError, isKind } from '../../src/core/errors.ts'
import type { Outcome } from '../../src/core/connector.ts'
import { messageIdOf } from '../../src/core/header.ts'
import { SYSTEM_FLAGS, type Mailbox, type NewMessage } from '../../src/core/mail.ts'
import { announcedBytes, readExactly } from '../shared/exact-body.ts'
import type { MemoryMailbox, MemoryMessage } from './memory-mailbox.ts'
import { MEMORY_KEYWORDS, type MemoryFault } from './options.ts'
import type { SessionContext } from './session-context.ts'

/** A message of a batch, read and judged. */
type Judged = { readonly message: NewMessage; readonly body: Uint8Array } | { readonly refusal: SealpostError }

/** `DestinationSession.append`. */
export async function appendBatch(
  context: SessionContext,
  handle: Mailbox,
  batch: readonly NewMessage[],
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  checkBatch(context, batch)
  const fault = await context.before('append', { mailbox: handle, batch }, signal)
  context.mailbox(handle)
  const judged = await judgeBatch(context, batch, fault, signal)
  const mailbox = context.mailbox(handle)
  if (fault?.fault === 'lose-reply' || fault?.fault === 'land-late') {
    return storeUnseen(context, mailbox, judged, fault)
  }
  const outcomes = judged.map((item): Outcome =>
    'refusal' in item ? { kind: 'refused', error: item.refusal } : store(context, mailbox, item),
  )
  try {
    await context.after('append', { mailbox: handle, batch })
  } catch (error) {
    if (!isKind(error)) throw error
    return outcomes.map((outcome) => (outcome.kind === 'landed' ? unknown(error) : outcome))
  }
  return outcomes
}

/** The flags that this end stores, out of those that it is given. */
export function storableFlags(context: SessionContext, flags: readonly string[]): readonly string[] {
  const listed = context.options.listedKeywords ?? MEMORY_KEYWORDS
  return flags.filter((flag) => {
    if (flag.startsWith('\\')) return SYSTEM_FLAGS.some((known) => known.toLowerCase() === flag.toLowerCase())
    if (context.capabilities.keywords === 'any') return true
    return (
      context.capabilities.keywords === 'listed' &&
      listed.some((known) => known.toLowerCase() === flag.toLowerCase())
    )
  })
}

function checkBatch(context: SessionContext, batch: readonly NewMessage[]): void {
  const { messages, bytes } = context.capabilities.appendBatch
  const total = batch.reduce((sum, { body }) => sum + announcedBytes(body), 0)
  if (batch.length > messages || (batch.length > 1 && total > bytes)) {
    throw new SealpostError('bug', 'a batch is larger than this end takes')
  }
  if (batch.some(({ flags }) => flags.some((flag) => flag.toLowerCase() === '\\deleted'))) {
    throw new SealpostError('bug', 'an append may not set \\Deleted')
  }
}

/** Reads every body and finds what would be refused; in an all-or-nothing batch one refusal is everybody's. */
async function judgeBatch(
  context: SessionContext,
  batch: readonly NewMessage[],
  fault: MemoryFault | null,
  signal: AbortSignal,
): Promise<readonly Judged[]> {
  const judged: Judged[] = []
  let room = (context.account.limitBytes ?? Infinity) - context.account.usedBytes()
  for (const [index, message] of batch.entries()) {
    const asked = fault?.fault === 'refuse' && (fault.index ?? 0) === index ? fault.error : null
    const refusal = asked ?? sizeRefusal(context, announcedBytes(message.body), room)
    if (refusal !== null) {
      judged.push({ refusal })
      continue
    }
    const body = await readExactly(message.body, signal)
    const contentRefusal = context.options.refuse?.(message, body) ?? null
    judged.push(contentRefusal === null ? { message, body } : { refusal: contentRefusal })
    if (contentRefusal === null) room -= body.length
  }
  if (context.options.atomicBatches === false) return judged
  const first = judged.find((item) => 'refusal' in item)
  return first === undefined ? judged : judged.map(() => first)
}

function sizeRefusal(context: SessionContext, bytes: number, room: number): SealpostError | null {
  const limit = context.capabilities.maxMessageBytes
  if (limit !== null && bytes > limit) {
    return new SealpostError('rejected', 'the message is too large for the destination', { code: 'TOOBIG' })
  }
  if (bytes > room) return new SealpostError('quota', 'the destination account is full', { code: 'OVERQUOTA' })
  return null
}

/** Stores a batch, now or later, and loses the reply and the connection. */
function storeUnseen(
  context: SessionContext,
  mailbox: MemoryMailbox,
  judged: readonly Judged[],
  fault: Extract<MemoryFault, { fault: 'lose-reply' | 'land-late' }>,
): readonly Outcome[] {
  const land = (): void => {
    for (const item of judged.slice(0, fault.stored ?? judged.length)) {
      if (!('refusal' in item)) store(context, mailbox, item)
    }
  }
  if (fault.fault === 'land-late') context.clock.after(fault.milliseconds, land)
  else land()
  context.disconnect()
  const error = new SealpostError('unknown-outcome', 'no reply came to an append', { code: 'ECONNRESET' })
  return judged.map(() => unknown(error))
}

function store(
  context: SessionContext,
  mailbox: MemoryMailbox,
  item: { readonly message: NewMessage; readonly body: Uint8Array },
): Outcome {
  const stored = storeMerged(context, mailbox, item.body) ?? storeNew(context, mailbox, item)
  if (!context.capabilities.keyOnAppend) return { kind: 'landed', key: null, validity: null }
  return { kind: 'landed', key: String(stored.uid), validity: String(mailbox.uidValidity) }
}

function storeNew(
  context: SessionContext,
  mailbox: MemoryMailbox,
  { message, body }: { readonly message: NewMessage; readonly body: Uint8Array },
): MemoryMessage {
  const mail = {
    bytes: context.options.alterBody?.(body) ?? body,
    internalDate: context.capabilities.keepsInternalDate ? message.internalDate : context.clock.now(),
    flags: storableFlags(context, message.flags),
  }
  return mailbox.add(mail, nextUid(context, mailbox))
}

/** An end that folds equal Message-IDs answers with the message that it has, whatever was sent. */
function storeMerged(context: SessionContext, mailbox: MemoryMailbox, body: Uint8Array): MemoryMessage | null {
  if (context.capabilities.merges === 'none') return null
  const messageId = messageIdOf(body)
  if (messageId === null) return null
  for (const other of [mailbox, ...context.account.mailboxes]) {
    for (const message of other.messages.values()) {
      if (messageIdOf(message.bytes) !== messageId) continue
      if (other === mailbox) return message
      return mailbox.add(message, context.capabilities.labels ? message.uid : undefined)
    }
  }
  return null
}

/** With labels a message has one UID in every mailbox, so that new ones must be new to the account. */
function nextUid(context: SessionContext, mailbox: MemoryMailbox): number {
  if (!context.capabilities.labels) return mailbox.uidNext
  return Math.max(...context.account.mailboxes.map((other) => other.uidNext))
}

function unknown(error: SealpostError): Outcome {
  return { kind: 'unknown', error }
}
