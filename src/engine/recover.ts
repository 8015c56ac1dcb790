import type { MessageRecord, Reason } from '../core/ledger.ts'
import { SYSTEM_FLAGS } from '../core/mail.ts'
import type { SealpostError } from '../core/errors.ts'
import { isKind, toSealpostError } from '../core/errors.ts'
import type { MailboxWork } from './mailbox-work.ts'
import {
  cannotRead,
  fetchRows,
  quarantine,
  stillPending,
  storeRows,
  type LaneContext,
  type Trouble,
} from './move-rows.ts'
import { ensureDestination } from './prepare-mailbox.ts'
import { reconcile } from './reconcile.ts'
import { throttleDelay } from '../core/retry.ts'

/** Waits asked for by a server over one group of rows before the pair gives up. */
const MAX_WAITS = 50
/** As much is read again at once; but one message always fits. */
const AGAIN = { messages: 50, bytes: 1024 * 1024 }

/**
 * Gets rows through that did not go through at first: waits as a server asked, reconnects, reconciles what is in
 * doubt, halves what was refused and sends in small parts what a connection died over, until the one message is found.
 * Returns when each row is through, quarantined, or set aside as a suspect. Throws what stops the pair.
 */
export async function recover(lane: LaneContext, work: MailboxWork, first: Trouble): Promise<void> {
  const queue: (readonly MessageRecord[])[] = []
  let waits = 0
  let hasDied = false
  await regroup(first, false)
  for (let rows = queue.shift(); rows !== undefined; rows = queue.shift()) {
    const trouble = await attempt(lane, work, rows, hasDied)
    if (trouble !== null) await regroup(trouble, rows.length === 1)
  }

  async function regroup(trouble: Trouble, alone: boolean): Promise<void> {
    const { error } = trouble
    if (error !== null) throwIfEnding(lane, error)
    for (const { id, error: refusal } of trouble.refused) {
      if (error === null && trouble.rows.length === 1) await refuse(lane, work, id, refusal)
    }
    if (error === null) {
      const ids = new Set(trouble.refused.map(({ id }) => id))
      const rows = trouble.rows.filter((row) => ids.has(row.id))
      if (trouble.rows.length > 1) queue.unshift(...halves(rows))
    } else if (isKind(error, 'throttled')) {
      if (++waits > MAX_WAITS) throw error
      await lane.pair.pause('throttled', throttleDelay(error), lane.stop)
      // In halves: a server that throttles every so many requests would else never let a whole slice through.
      queue.unshift(...halves(trouble.rows))
    } else if (isKind(error, 'transient', 'unknown-outcome', 'not-found')) {
      hasDied = true
      await lane.pair.noteDeath(error, lane.stop)
      if (alone) suspect(lane, work, trouble.rows)
      else queue.unshift(...parts(trouble.rows))
    } else if (isKind(error, 'rejected', 'corrupt')) {
      // The source cannot hand it over. One such message must not keep the others.
      if (!alone) queue.unshift(...halves(trouble.rows))
      else for (const row of trouble.rows) cannotRead(lane, work, row.id, reasonOf('unreadable', error))
    } else throw error
  }
}

/**
 * Tries the suspects of a mailbox again, alone; one that still kills its connection is quarantined: it has then done so
 * in company, alone, and alone again when the others were through. Throws the death itself when too many came in a row
 * and nothing has landed since: then the server is at fault.
 */
export async function tryAgain(lane: LaneContext, work: MailboxWork): Promise<void> {
  const suspects = work.suspects.splice(0)
  const deadly: { readonly id: number; readonly error: SealpostError }[] = []
  // To be sure of one takes as long as to be sure of all.
  await settleDoubt(lane, work)
  for (const { id, landedBefore } of suspects) {
    const trouble = await attempt(lane, work, [lane.context.ledger.message(id)], true)
    if (trouble === null) continue
    if (trouble.error !== null) throwIfEnding(lane, trouble.error)
    if (trouble.error === null) await recover(lane, work, trouble)
    else if (!isKind(trouble.error, 'transient', 'unknown-outcome', 'not-found')) throw trouble.error
    else {
      deadly.push({ id, error: trouble.error })
      if (lane.pair.landed === landedBefore) await lane.pair.noteDeath(trouble.error, lane.stop)
    }
  }
  if (deadly.length === 0) return
  await settleDoubt(lane, work)
  for (const { id, error } of deadly) {
    if (lane.context.ledger.message(id).state !== 'discovered') continue
    quarantine(lane, work, id, reasonOf('connection-died', error))
  }
}

/**
 * Reads what the source could not hand over once more, on a new connection: servers that stumble over a message often have it
 * the next time (a torn cache of Dovecot is made anew, Exchange is many machines). What it cannot hand over now is quarantined.
 */
export async function readAgain(lane: LaneContext, work: MailboxWork): Promise<void> {
  const { waiting, isSecond } = work.unread
  if (waiting.size === 0) return
  for (const id of waiting) isSecond.add(id)
  waiting.clear()
  await lane.sessions.renewSource()
  let after = 0
  for (;;) {
    const rows = lane.context.ledger.pending(work.record.id, after, AGAIN.messages, AGAIN.bytes)
    const last = rows.at(-1)
    if (last === undefined) return
    after = last.id
    const again = rows.filter((row) => isSecond.has(row.id))
    const trouble = again.length === 0 ? null : await attempt(lane, work, again, false)
    if (trouble !== null) await recover(lane, work, trouble)
  }
}

/** Moves rows in one batch, after what is in doubt of them has been decided. Null when all are through. */
async function attempt(
  lane: LaneContext,
  work: MailboxWork,
  rows: readonly MessageRecord[],
  suspect: boolean,
): Promise<Trouble | null> {
  await lane.pair.whenNotPaused(lane.stop)
  const { ledger } = lane.context
  // Others in doubt can wait: to be sure takes time, and what is sent now cannot be taken for them.
  if (rows.some((row) => ledger.message(row.id).state === 'appending')) await settleDoubt(lane, work)
  const pending = stillPending(lane, rows)
  if (pending.length === 0) return null
  let batch
  try {
    batch = await fetchRows(lane, work, pending)
  } catch (error) {
    return { rows: pending, refused: [], error: toSealpostError(error, 'fetching a batch') }
  }
  return storeRows(lane, work, pending, batch, { plainFlags: false, suspect })
}

/** Decides the rows in doubt of the mailbox; a connection that dies over it is opened again, bounded. */
async function settleDoubt(lane: LaneContext, work: MailboxWork): Promise<void> {
  const { context, sessions, hard } = lane
  for (;;) {
    if (context.ledger.inDoubt(work.record.id).length === 0) return
    try {
      const session = await sessions.destination(hard)
      const destination = await ensureDestination(session, work, hard)
      await reconcile(context, session, work, destination, hard)
      return
    } catch (error) {
      const trouble = toSealpostError(error, 'reconciling')
      if (!isKind(trouble, 'transient', 'throttled')) throw trouble
      await lane.pair.noteDeath(trouble, lane.stop)
      if (isKind(trouble, 'throttled')) await lane.pair.pause('throttled', throttleDelay(trouble), lane.stop)
    }
  }
}

/** One message was refused: without its keywords it may be taken, and they are tried again by STORE. */
async function refuse(lane: LaneContext, work: MailboxWork, id: number, error: SealpostError): Promise<void> {
  const row = lane.context.ledger.message(id)
  if (row.flags.some((flag) => !SYSTEM_FLAGS.includes(flag))) {
    const batch = await fetchRows(lane, work, [row])
    const trouble = await storeRows(lane, work, [row], batch, { plainFlags: true })
    if (trouble === null) return
    if (trouble.error !== null) {
      await recover(lane, work, trouble)
      return
    }
  }
  if (lane.context.ledger.message(id).state === 'discovered')
    quarantine(lane, work, id, reasonOf('refused', error))
}

/** What ended the lane stands in the signal, and says nothing about the rows at hand: they are pending, or in doubt. */
function throwIfEnding(lane: LaneContext, error: SealpostError): void {
  if (lane.stop.aborted) throw error
}

/** Sets rows aside that died alone, after they had died in company. */
function suspect(lane: LaneContext, work: MailboxWork, rows: readonly MessageRecord[]): void {
  for (const row of rows) work.suspects.push({ id: row.id, landedBefore: lane.pair.landed })
}

function reasonOf(code: string, error: SealpostError): Reason {
  return { code, text: error.message, serverText: error.serverText ?? null }
}

/** Parts of about the square root: few deaths, and few round trips, until one message is alone. */
function parts(rows: readonly MessageRecord[]): (readonly MessageRecord[])[] {
  const size = rows.length <= 4 ? 1 : Math.ceil(Math.sqrt(rows.length))
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => rows.slice(i * size, (i + 1) * size))
}

function halves(rows: readonly MessageRecord[]): (readonly MessageRecord[])[] {
  if (rows.length <= 1) return rows.length === 0 ? [] : [rows]
  const middle = Math.ceil(rows.length / 2)
  return [rows.slice(0, middle), rows.slice(middle)]
}
