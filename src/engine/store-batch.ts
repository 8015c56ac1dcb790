import type { Mailbox, NewMessage } from '../core/mail.ts'
import { SYSTEM_FLAGS } from '../core/mail.ts'
import type { Capabilities, DestinationSession, Outcome } from '../core/connector.ts'
import { isKind, SealpostError } from '../core/errors.ts'
import type { EngineContext } from './settings.ts'
import type { MailboxWork } from './mailbox-work.ts'
import { discard, type Prepared } from './fetch-batch.ts'
import { adoptKnown } from './adopt.ts'
import { followMoves } from './follow-moves.ts'
import { tooLarge } from './list-mailbox.ts'
import { assignKeys } from './reconcile.ts'
import { claimCopies } from './claim-copies.ts'
import { joinTwin } from './join-labels.ts'

/** A message that the destination would not take, with its error. */
export interface Refused {
  readonly id: number
  readonly error: SealpostError
}

/** What came of storing prepared messages. */
export interface StoreResult {
  /** Those that are held count. */
  readonly landed: number
  readonly landedBytes: number
  readonly adopted: number
  readonly refused: readonly Refused[]
  /** Why some rows are in doubt, or null. They stay `appending` until reconcile. */
  readonly doubt: SealpostError | null
}

/** What else a store needs to know. */
export interface StoreOptions {
  /** Append with system flags alone, since the keywords were refused; they are tried again by STORE. */
  readonly plainFlags: boolean
  /** A connection has died in the presence of these messages. */
  readonly suspect?: boolean
  /** Ends a wait for the rate: nothing has been sent. */
  readonly stop?: AbortSignal
}

/**
 * Stores prepared messages in the work's destination mailbox: what is known there already is claimed, the rest is
 * written down as `appending`, durably, and appended. Throws when something passing stood in the way; then nothing of
 * what was not yet sent is marked as sent.
 */
export async function storeBatch(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  destination: Mailbox,
  prepared: readonly Prepared[],
  options: StoreOptions,
  signal: AbortSignal,
): Promise<StoreResult> {
  const { ledger } = context
  const { id: destinationId } = work.record.destination
  const { capabilities } = session
  try {
    let rest: readonly Prepared[] = prepared.filter(
      ({ row, digests }) => !(work.epochsOpen && ledger.inherit(row.id, digests)),
    )
    const inherited = prepared.length - rest.length
    // An archive is not changed afterwards: what was moved at the source is written down again where it is now.
    if (capabilities.holds !== true) {
      rest = await followMoves(context, session, work, destination, rest, signal)
    }
    const { validity } = ledger.mailbox(work.record.id).destination
    if (work.hasCandidates && validity !== null) {
      rest = await adoptKnown(context, session, destination, { id: destinationId, validity }, rest, signal)
    }
    const adopted = prepared.length - rest.length - inherited
    rest = skipTooLarge(context, capabilities, rest)
    const result: { landed: number; landedBytes: number; refused: Refused[]; doubt: SealpostError | null } = {
      landed: 0,
      landedBytes: 0,
      refused: [],
      doubt: null,
    }
    for (const batch of batches(rest, capabilities)) {
      const outcome = await work.gate.shared(() =>
        // Of two that become one at the destination, the first has landed before the second is sent.
        work.turns.take(namesOf(batch, capabilities), async () => {
          const { joined, alone } = await joinBatch(context, session, work, destination, batch, signal)
          const appended =
            alone.length === 0
              ? NOTHING
              : await appendBatch(context, session, work, destination, alone, options, signal)
          return { ...appended, landed: appended.landed + joined }
        }),
      )
      result.landed += outcome.landed
      result.landedBytes += outcome.landedBytes
      result.refused.push(...outcome.refused)
      result.doubt = outcome.doubt
      if (result.doubt !== null) break
    }
    return { ...result, adopted }
  } finally {
    await discard(prepared)
  }
}

async function appendBatch(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  destination: Mailbox,
  batch: readonly Prepared[],
  options: StoreOptions,
  signal: AbortSignal,
): Promise<Omit<StoreResult, 'adopted'>> {
  const { ledger, clock } = context
  const ids = batch.map(({ row }) => row.id)
  const messages = batch.map((message) => asNewMessage(message, session.capabilities, options))
  // Rows that wait are not in doubt: nobody has to look for them when the process ends meanwhile.
  await session.whenMaySend?.(messages, options.stop ?? signal)
  const position = await session.position(destination, signal)
  ledger.intend(
    batch.map(({ row, digests, messageId }, i) => ({
      id: row.id,
      digests,
      messageId,
      appliedFlags: messages[i]?.flags ?? [],
    })),
    position,
  )
  const begun = clock.monotonic()
  let outcomes: readonly Outcome[]
  try {
    outcomes = await session.append(destination, messages, signal)
  } catch (error) {
    // The contract: an append that throws has stored nothing. A fault of ours proves nothing.
    if (isKind(error) && error.kind !== 'bug') ledger.revert(ids)
    else ledger.doubt(ids)
    throw error
  }
  ledger.noteAppend(clock.monotonic() - begun)
  if (outcomes.length !== batch.length) {
    ledger.doubt(ids)
    throw new SealpostError('bug', `an append of ${batch.length} messages had ${outcomes.length} outcomes`)
  }
  const landed = batch.flatMap((message, i) => {
    const outcome = outcomes[i]
    return outcome?.kind === 'landed' ? [{ message, key: outcome.key, validity: outcome.validity }] : []
  })
  await claimCopies(context, session, work, destination, landed, signal)
  const held = batch.flatMap((message, i) => {
    const outcome = outcomes[i]
    return outcome?.kind === 'held' ? [{ message, key: outcome.key, validity: outcome.validity }] : []
  })
  ledger.hold(held.map(({ message, key, validity }) => ({ id: message.row.id, key, validity })))
  const doubtful = batch.flatMap(({ row }, i) => (outcomes[i]?.kind === 'unknown' ? [row.id] : []))
  ledger.doubt(doubtful)
  const refused = batch.flatMap(({ row }, i) => {
    const outcome = outcomes[i]
    return outcome?.kind === 'refused' ? [{ id: row.id, error: outcome.error }] : []
  })
  ledger.revert(refused.map(({ id }) => id))
  if (landed.length > 0 && !session.capabilities.keyOnAppend) {
    await assignKeys(
      context,
      session,
      work,
      destination,
      position,
      landed.map(({ message }) => message.row.id),
      signal,
    )
  }
  // What is not the message's own fault is the caller's to wait out; the rows are pending again.
  const passing = refused.find(({ error }) => error.kind !== 'rejected')
  if (passing !== undefined && doubtful.length === 0) throw passing.error
  return {
    landed: landed.length + held.length,
    landedBytes: [...landed, ...held].reduce((sum, { message }) => sum + message.digests.bytes, 0),
    refused: refused.filter(({ error }) => error.kind === 'rejected'),
    doubt: firstDoubt(outcomes),
  }
}

/** An atom (RFC 9051 section 9, flag-keyword) as every server takes it: Dovecot stops at 50 characters, Courier at `]`, `;` and their like. */
const COMMON_KEYWORD = /^[$A-Za-z0-9_.+-]{1,50}$/

function asNewMessage(message: Prepared, capabilities: Capabilities, options: StoreOptions): NewMessage {
  const { row, digests, body, internalDate } = message
  const onlySystem = options.plainFlags || capabilities.keywords === 'none'
  const late = ['\\Deleted', ...(capabilities.lateFlags ?? [])]
  // \Deleted is set last, by STORE (invariant 1). So are keywords that some server refuses: refused there, a keyword is
  // lost and listed; refused here, the message would be.
  const flags = row.flags.filter(
    (flag) =>
      capabilities.holds === true ||
      (SYSTEM_FLAGS.includes(flag) && !late.includes(flag)) ||
      (!onlySystem && COMMON_KEYWORD.test(flag)),
  )
  const suspect = options.suspect ?? false
  return { body, internalDate, flags, nul: digests.nul, sourceKey: row.key, suspect }
}

const NOTHING = { landed: 0, landedBytes: 0, refused: [], doubt: null } as const

/** What these share with messages of which the destination would make one: Message-IDs, and the source's own names. */
function namesOf(batch: readonly Prepared[], { merges, labels }: Capabilities): readonly string[] {
  const ids =
    merges === 'none' ? [] : batch.flatMap(({ messageId }) => (messageId === null ? [] : [`<${messageId}>`]))
  const identities = labels ? batch.flatMap(({ row }) => row.identity ?? []) : []
  return [...new Set([...ids, ...identities])]
}

/** Another lane may have brought some of these under another label since they were fetched. */
async function joinBatch(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  destination: Mailbox,
  batch: readonly Prepared[],
  signal: AbortSignal,
): Promise<{ readonly joined: number; readonly alone: readonly Prepared[] }> {
  if (!session.capabilities.labels) return { joined: 0, alone: batch }
  const alone: Prepared[] = []
  for (const message of batch) {
    const { row } = message
    const isJoined = row.identity !== null && (await joinTwin(context, session, work, destination, row, signal))
    if (!isJoined) alone.push(message)
  }
  return { joined: batch.length - alone.length, alone }
}

function skipTooLarge(
  context: EngineContext,
  capabilities: Capabilities,
  prepared: readonly Prepared[],
): Prepared[] {
  const { maxMessageBytes } = capabilities
  if (maxMessageBytes === null) return [...prepared]
  return prepared.filter(({ row, digests }) => {
    if (digests.bytes <= maxMessageBytes) return true
    context.ledger.skip(row.id, tooLarge(digests.bytes, maxMessageBytes))
    return false
  })
}

function* batches(prepared: readonly Prepared[], capabilities: Capabilities): Generator<readonly Prepared[]> {
  const { messages, bytes } = capabilities.appendBatch
  let batch: Prepared[] = []
  let size = 0
  for (const message of prepared) {
    if (batch.length > 0 && (batch.length >= messages || size + message.digests.bytes > bytes)) {
      yield batch
      batch = []
      size = 0
    }
    batch.push(message)
    size += message.digests.bytes
  }
  if (batch.length > 0) yield batch
}

function firstDoubt(outcomes: readonly Outcome[]): SealpostError | null {
  for (const outcome of outcomes) if (outcome.kind === 'unknown') return outcome.error
  return null
}
