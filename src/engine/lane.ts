import { isKind, toSealpostError, type SealpostError } from '../core/errors.ts'
import type { MessageRecord } from '../core/ledger.ts'
import type { Board, Task } from './board.ts'
import { finishMailbox } from './finish-mailbox.ts'
import { listMailbox } from './list-mailbox.ts'
import type { MailboxWork } from './mailbox-work.ts'
import { fetchRows, stillPending, storeRows, type HeldBatch, type LaneContext, type Trouble } from './move-rows.ts'
import { ensureDestination, prepareDestination } from './prepare-mailbox.ts'
import { readAgain, recover, tryAgain } from './recover.ts'
import { leaveFailing, leaveUnlisted, setAside } from './set-aside.ts'
import { retry, tellWaitsOf } from '../core/retry.ts'
import { untilOpen, whenOpen } from '../core/work-hours.ts'

/** A slice whose append is under way. The promise never rejects. */
interface InFlight {
  readonly work: MailboxWork
  readonly trouble: Promise<Trouble | null>
}

/**
 * One lane: one session at each end, working off the board. The next slice is fetched while the one before is being
 * appended. Returns when the board is done or `stop` is aborted; throws what stops the pair.
 */
export async function runLane(lane: LaneContext, board: Board): Promise<void> {
  let inFlight: InFlight | null = null
  let last: MailboxWork | null = null
  try {
    while (!lane.stop.aborted) {
      await lane.pair.whenNotPaused(lane.stop)
      if (isToRest(lane) && !board.isDone) {
        const settled: InFlight | null = inFlight
        inFlight = null
        await settle(lane, board, settled)
        await rest(lane, board)
        continue
      }
      const task = board.next(last)
      if (task === null) {
        if (inFlight !== null) {
          const settled: InFlight = inFlight
          inFlight = null
          await settle(lane, board, settled)
        } else if (board.isDone) return
        else await board.changed()
        continue
      }
      last = task.work
      if (task.kind === 'move') inFlight = await move(lane, board, task, inFlight)
      else {
        const settled: InFlight | null = inFlight
        inFlight = null
        await perform(lane, board, task, settled)
      }
    }
  } finally {
    // What is under way is waited for, so that its outcome is written down; its trouble is for the next run.
    await inFlight?.trouble
  }
}

/** True where the server is to have fewer lanes at once, outside of the hours in which work is done, and in a pause. */
function isToRest(lane: LaneContext): boolean {
  const { hours } = lane.context.limits
  const isClosed = hours !== null && untilOpen(hours, lane.context.clock.now()) > 0
  return isClosed || lane.context.pace?.isPaused === true || isSpare(lane)
}

function isSpare({ index, pair, context }: LaneContext): boolean {
  return index >= Math.min(pair.lanes.allowed, context.pace?.lanes ?? Infinity)
}

/** Waits for something to change. While all lanes rest nothing is kept open: the servers would end it. */
async function rest(lane: LaneContext, board: Board): Promise<void> {
  const { pair, context, sessions, stop } = lane
  const isPaused = context.pace?.isPaused === true
  if (isSpare(lane) && !isPaused) {
    await board.changed()
    return
  }
  await sessions.close()
  if (isPaused) await context.pace.whenGoing(stop)
  const onWait = (milliseconds: number): void =>
    context.events({ event: 'waiting', pair: pair.pairId, reason: 'hours', milliseconds })
  await whenOpen(context.limits.hours, context.clock, onWait, stop)
}

async function move(
  lane: LaneContext,
  board: Board,
  task: Extract<Task, { kind: 'move' }>,
  before: InFlight | null,
): Promise<InFlight | null> {
  const { work } = task
  let { rows } = task
  lane.sessions.warm(lane.stop)
  let fetched = await fetchOrTrouble(lane, work, rows)
  if (before !== null && (await before.trouble) !== null) {
    // What is in trouble is fetched again and must find room: whoever waits for the budget holds nothing of it.
    if ('prepared' in fetched) await fetched.release()
    await settle(lane, board, before)
    rows = work.phase === 'done' ? [] : stillPending(lane, rows)
    if (rows.length === 0) return { work, trouble: Promise.resolve(null) }
    fetched = await fetchOrTrouble(lane, work, rows)
  } else await settle(lane, board, before)
  if ('prepared' in fetched) {
    return { work, trouble: storeRows(lane, work, rows, fetched, { plainFlags: false }) }
  }
  await settle(lane, board, { work, trouble: Promise.resolve(fetched) })
  return null
}

function fetchOrTrouble(
  lane: LaneContext,
  work: MailboxWork,
  rows: readonly MessageRecord[],
): Promise<HeldBatch | Trouble> {
  return fetchRows(lane, work, rows).catch((error: unknown): Trouble => ({
    rows,
    refused: [],
    error: toSealpostError(error, 'fetching a batch'),
  }))
}

/** Waits for a slice and sees its rows through; what had trouble, once the source is not used for `meanwhile` any more. */
async function settle(
  lane: LaneContext,
  board: Board,
  slice: InFlight | null,
  meanwhile?: Promise<unknown>,
): Promise<void> {
  if (slice === null) return
  try {
    const trouble = await slice.trouble
    if (trouble !== null) {
      await meanwhile
      await orLeave(lane, slice.work, () => recover(lane, slice.work, trouble))
    }
  } finally {
    slice.work.active--
    board.notify()
  }
}

async function perform(
  lane: LaneContext,
  board: Board,
  task: Exclude<Task, { kind: 'move' }>,
  before: InFlight | null,
): Promise<void> {
  const { work } = task
  try {
    if (task.kind === 'prepare') {
      await prepare(lane, board, work, before)
      return
    }
    await settle(lane, board, before)
    await orLeave(lane, work, async () => {
      if (task.kind === 'finish') return finish(lane, work)
      await tryAgain(lane, work)
      await readAgain(lane, work)
    })
  } finally {
    if (task.kind === 'suspects') work.active--
    board.notify()
  }
}

/**
 * Lists the source while the destination still takes the slice `before` and is then made ready; rows are handed out once
 * it is. A mailbox that either end refuses keeps no other from going on.
 */
async function prepare(
  lane: LaneContext,
  board: Board,
  work: MailboxWork,
  before: InFlight | null,
): Promise<void> {
  const { context, sessions, stop } = lane
  work.listing = true
  const listing = again(lane, async () => {
    const { maxMessageBytes } = (await sessions.destination(stop)).capabilities
    const options = { maxMessageBytes, sights: board.sights, onRows: () => board.notify() }
    await listMailbox(context, await sessions.source(stop), work, options, stop)
    if (work.wasUnlisted) context.ledger.replaceFindings(work.record.id, 'listing', [])
    work.wasUnlisted = false
  }).then(
    () => null,
    (error: unknown) => {
      // Of labels all have to be listed, to know what lies where.
      const isAboutIt = isKind(error, 'rejected', 'not-found') || isFailure(error, sessions.isSourceAlive)
      if (board.sights === null && isAboutIt) return error
      throw error
    },
  )
  const makeReady = async (): Promise<SealpostError | null> => {
    await settle(lane, board, before, listing)
    const wentWell = lane.pair.wentWell(false)
    try {
      await again(lane, async () => {
        await prepareDestination(context, await sessions.destination(stop), work, stop)
      })
    } catch (error) {
      if (isKind(error, 'rejected')) return error
      if (!isFailure(error, sessions.areAlive)) throw error
      lane.pair.noteFailing(work.record.id, false, wentWell, error)
      return error
    }
    lane.pair.noteReady()
    work.phase = 'moving'
    board.notify()
    return null
  }
  const ready = makeReady()
  let refusals: readonly (SealpostError | null)[]
  try {
    refusals = await Promise.all([ready, listing])
  } finally {
    await Promise.allSettled([listing, ready])
  }
  board.endListing(work)
  const [unready = null, unlisted = null] = refusals
  if (unready?.kind === 'rejected') setAside(context, work, unready)
  else if (unready !== null) leaveFailing(context, work, unready)
  if (unlisted !== null) leaveUnlisted(context, work, unlisted)
}

/** How servers say that they have failed over what was asked: in the end it is the mailbox, where the session goes on. */
const FAILED: ReadonlySet<string> = new Set(['SERVERBUG', 'UNAVAILABLE'])

function isFailure(error: unknown, isAlive: boolean): error is SealpostError {
  return isKind(error, 'transient') && isAlive && FAILED.has(error.code ?? '')
}

/** Works on a mailbox that is ready; one over which a server fails each time is left for this run. */
async function orLeave(lane: LaneContext, work: MailboxWork, operation: () => Promise<void>): Promise<void> {
  const wentWell = lane.pair.wentWell(true)
  try {
    await operation()
  } catch (error) {
    if (lane.stop.aborted || !isFailure(error, lane.sessions.areAlive)) throw error
    lane.pair.noteFailing(work.record.id, true, wentWell, error)
    leaveFailing(lane.context, work, error)
  }
}

async function finish(lane: LaneContext, work: MailboxWork): Promise<void> {
  const { context, sessions, stop } = lane
  await again(lane, async () => {
    const session = await sessions.destination(stop)
    await finishMailbox(context, session, work, await ensureDestination(session, work, stop), stop)
  })
  work.phase = 'done'
}

function again({ context, pair, stop }: LaneContext, operation: () => Promise<void>): Promise<void> {
  return retry(context.clock, tellWaitsOf(pair.pairId, context.events), operation, stop)
}
