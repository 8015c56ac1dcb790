import type { MessageRecord, Reason } from '../core/ledger.ts'
import type { SealpostError } from '../core/errors.ts'
import { isKind, toSealpostError } from '../core/errors.ts'
import type { EngineContext } from './settings.ts'
import type { MailboxWork } from './mailbox-work.ts'
import type { LaneSessions } from './sessions.ts'
import type { PairState } from './pair-state.ts'
import { joinLabels } from './join-labels.ts'
import { discard, fetchBatch, type FetchedBatch } from './fetch-batch.ts'
import { ensureDestination } from './prepare-mailbox.ts'
import { storeBatch, type Refused, type StoreOptions } from './store-batch.ts'

/** What one lane works with. */
export interface LaneContext {
  /** From 0. */
  readonly index: number
  readonly context: EngineContext
  readonly sessions: LaneSessions
  readonly pair: PairState
  /** The destination renders mail anew, or merges: what a message says has to be known. */
  readonly content: boolean
  /** Aborted when the run is to end soon: nothing new is begun. */
  readonly stop: AbortSignal
  /** Aborted when even what is under way must end. */
  readonly hard: AbortSignal
}

/** Why rows did not go through. `error` null: only some were refused, the others are through. */
export interface Trouble {
  readonly rows: readonly MessageRecord[]
  readonly refused: readonly Refused[]
  readonly error: SealpostError | null
}

/** What was fetched, and what gives its bytes back and removes what was spooled. */
export type HeldBatch = FetchedBatch & { readonly release: () => Promise<void> }

/** Those of the rows that nothing has become of yet, as they are now. */
export function stillPending({ context }: LaneContext, rows: readonly MessageRecord[]): readonly MessageRecord[] {
  return rows.map(({ id }) => context.ledger.message(id)).filter(({ state }) => state === 'discovered')
}

/** Fetches rows within the byte budget, but for those that only have to be shown. */
export async function fetchRows(
  lane: LaneContext,
  work: MailboxWork,
  all: readonly MessageRecord[],
): Promise<HeldBatch> {
  const { context, stop } = lane
  const rows = await joinLabels(lane, work, all)
  if (rows.length === 0) return { prepared: [], goneIds: [], unreadable: [], release: async () => undefined }
  // Each byte is held twice at most: as fetched, and on its way into the other socket.
  const release = await context.budget.acquire(2 * rows.reduce((sum, row) => sum + row.bytes, 0), stop)
  try {
    const source = await lane.sessions.source(stop)
    const batch = await fetchBatch(source, context.spool, work.source, rows, lane, stop)
    context.ledger.expunge(batch.goneIds)
    for (const { id, reason } of batch.unreadable)
      cannotRead(lane, work, id, { code: 'unreadable', text: reason, serverText: null })
    return {
      ...batch,
      release: async () => {
        release()
        await discard(batch.prepared)
      },
    }
  } catch (error) {
    release()
    throw error
  }
}

/** Sets a message aside for good, with the reason. */
export function quarantine(lane: LaneContext, work: MailboxWork, id: number, reason: Reason): void {
  lane.context.ledger.quarantine(id, reason)
  const { pairId, id: mailbox } = work.record
  lane.context.events({ event: 'message-quarantined', pair: pairId, mailbox, message: id })
}

/** The source cannot hand a message over: it is asked for it once more at the end of the mailbox, and then no more. */
export function cannotRead(lane: LaneContext, work: MailboxWork, id: number, reason: Reason): void {
  const { waiting, isSecond } = work.unread
  if (isSecond.has(id)) quarantine(lane, work, id, reason)
  else waiting.add(id)
}

/** Stores what was fetched; never throws. Null when every row is through. */
export async function storeRows(
  lane: LaneContext,
  work: MailboxWork,
  rows: readonly MessageRecord[],
  batch: HeldBatch,
  options: StoreOptions,
): Promise<Trouble | null> {
  const { context, sessions, pair, stop, hard } = lane
  try {
    const session = await sessions.destination(hard)
    const destination = await ensureDestination(session, work, hard)
    const result = await storeBatch(
      context,
      session,
      work,
      destination,
      batch.prepared,
      { ...options, stop },
      hard,
    )
    pair.noteLanded(result.landed + result.adopted)
    pair.lanes.noteSlice(result.landed, result.landedBytes)
    context.events({
      event: 'batch-landed',
      pair: pair.pairId,
      mailbox: work.record.id,
      messages: result.landed,
      bytes: result.landedBytes,
      adopted: result.adopted,
    })
    if (result.doubt === null && result.refused.length === 0) {
      // Nowhere else: while a message may have to be sent again, or an end that holds has yet to write it, its bytes stay its own.
      if (session.capabilities.holds !== true) for (const { release } of batch.prepared) release?.()
      return null
    }
    return { rows, refused: result.refused, error: result.doubt }
  } catch (error) {
    const trouble = toSealpostError(error, 'storing a batch')
    // The mailbox may have been removed under us: it is looked for, and made, again.
    if (isKind(trouble, 'not-found')) work.destination = null
    return { rows, refused: [], error: trouble }
  } finally {
    await batch.release()
  }
}
