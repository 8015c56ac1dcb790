import { setMaxListeners } from 'node:events'
import { toSealpostError } from '../core/errors.ts'
import { retry, tellWaitsOf } from '../core/retry.ts'
import { whenOpen } from '../core/work-hours.ts'
import type { Session } from '../core/connector.ts'
import type { Pair } from '../core/ledger.ts'
import type { Mailbox } from '../core/mail.ts'
import { samePath } from '../core/mailbox-path.ts'
import type { EngineContext } from './settings.ts'
import { Board } from './board.ts'
import { closeExcluded } from './close-excluded.ts'
import { closeVanished, settleVanished } from './close-vanished.ts'
import { runLane } from './lane.ts'
import { gatesByDestination, newWork, type MailboxWork } from './mailbox-work.ts'
import { mapMailboxes, type Mapping } from './mapping.ts'
import { MailboxGate } from './mailbox-gate.ts'
import { PairState } from './pair-state.ts'
import type { LoginGate } from '../core/login-gate.ts'
import { LaneSessions } from './sessions.ts'
import { bySight, labelMapping, Sights } from './sights.ts'
import { troubledMailboxes, type TroubledMailboxes } from './set-aside.ts'
import { Turns } from './turns.ts'
import { isWorkedOff } from './worked-off.ts'
import { needsContent } from '../core/match-digests.ts'

/** Passes over rows that a trouble left pending; each must move something, or the run ends with them pending. */
const MAX_PASSES = 3
/** Copies of each byte in flight in a lane: two slices, each held as fetched and on its way into a socket. */
const COPIES = 4
const MAX_SLICE_BYTES = 4 * 1024 * 1024
const MAX_SLICE_MESSAGES = 200

/**
 * Moves one account: maps its mailboxes, then works them off with as many lanes as both ends stand. Throws what
 * stops the pair; what has landed is written down in any case. Running it again goes on where it ended.
 */
export async function runPair(
  context: EngineContext,
  gate: LoginGate,
  pair: Pair,
  stop: AbortSignal,
  hard: AbortSignal,
): Promise<void> {
  const first = new LaneSessions(context, gate, pair)
  /** Those of the other lanes, as far as they are opened before there is a lane. */
  const spare: LaneSessions[] = []
  /** All at once in the end: each takes a round trip. */
  const goodbyes: Promise<void>[] = []
  try {
    const onWait = tellWaitsOf(pair.id, context.events)
    await whenOpen(context.limits.hours, context.clock, (milliseconds) => onWait('hours', milliseconds), stop)
    await context.pace?.whenGoing(stop)
    first.warm(stop)
    const look = async () => {
      const source = await first.source(stop)
      const destination = await first.destination(stop)
      if (!hasBegun && spare.length === 0) {
        // There is work for every lane, and the credentials are good: the others connect while the mailboxes are listed.
        for (let lane = 1; lane < lanesOf(context, source, destination).first; lane++) {
          const sessions = new LaneSessions(context, gate, pair)
          spare.push(sessions)
          sessions.warm(stop)
        }
      }
      return { source, destination, ...(await mapPair(context, pair, source, destination, stop)) }
    }
    const hasBegun = context.ledger.totals({ pairId: pair.id }).source > 0
    const haveAnswered = (): boolean => gate.contact.source.hasAnswered && gate.contact.destination.hasAnswered
    const found = await retry(context.clock, onWait, look, stop, haveAnswered)
    const { source, destination, mailboxes, mapping, troubled } = found
    // A label that was deleted takes no message away with it.
    if (!source.capabilities.labels) await closeVanished(context, pair, mailboxes, stop)
    // Under a label that is left out lies what others show as well: it stays with whoever has it.
    const excluded = source.capabilities.labels ? [] : mapping.excluded
    const going = mailboxes.filter(({ path }) => !excluded.some((other) => samePath(other, path)))
    const settle = async () => settleVanished(context, await first.destination(stop), pair, going, stop)
    await retry(context.clock, onWait, settle, stop)
    closeExcluded(context, pair, excluded)
    const works = openWorks(context, pair, mapping, troubled)
    const sights = source.capabilities.labels
      ? new Sights(context.ledger, pair.id, labelMapping(context.mapping.labels, destination.capabilities))
      : null
    if (sights !== null) {
      const order = bySight(sights.mode)
      works.sort((a, b) => order(a.source, b.source))
    }
    const lanes = lanesOf(context, source, destination)
    const shareBytes = Math.floor(context.limits.memoryBytes / (lanes.first * COPIES))
    const state = new PairState(context, pair.id, lanes)
    const slice = {
      messages: Math.min(MAX_SLICE_MESSAGES, Math.max(destination.capabilities.appendBatch.messages, 50)),
      bytes: Math.max(64 * 1024, Math.min(MAX_SLICE_BYTES, shareBytes, context.limits.bytesPerSecond ?? Infinity)),
    }
    const exclusive = !destination.capabilities.keyOnAppend
    const joins = sights !== null && destination.capabilities.labels
    const content = needsContent(destination.capabilities)
    for (let pass = 0; pass < MAX_PASSES; pass++) {
      const before = context.ledger.totals({ pairId: pair.id })
      const listAllFirst = (sights === null ? before.landed + before.existing : before.source) > 0
      const board = new Board(context.ledger, works, {
        ...{ lanes: () => state.lanes.allowed, slice, listAllFirst, exclusive, sights, joins },
        // A label that the server sets by itself cannot be added later: what has it is to be stored under it.
        first: ({ record: { specialUse } }) => joins && (specialUse === 'sent' || specialUse === 'drafts'),
      })
      await runLanes(board, state, lanes.most, content)
      const after = context.ledger.totals({ pairId: pair.id })
      if (stop.aborted || isWorkedOff(after, destination.capabilities) || after.discovered === before.discovered)
        break
      await Promise.all(goodbyes.splice(0))
      for (const work of works) Object.assign(work, { phase: 'new', afterId: 0, exhausted: false })
    }
  } finally {
    await Promise.all([first.close(), ...spare.map((sessions) => sessions.close()), ...goodbyes])
  }

  async function runLanes(board: Board, state: PairState, lanes: number, content: boolean): Promise<void> {
    // One lane that fails ends the others of the pair in good order.
    const failed = new AbortController()
    const laneStop = AbortSignal.any([stop, failed.signal])
    setMaxListeners(0, laneStop)
    laneStop.addEventListener('abort', () => board.notify(), { once: true })
    const endPace = context.pace?.onChange(() => board.notify())
    const runOne = async (index: number): Promise<void> => {
      const sessions = index === 0 ? first : (spare.shift() ?? new LaneSessions(context, gate, pair))
      try {
        await runLane({ index, context, sessions, pair: state, content, stop: laneStop, hard }, board)
      } catch (error) {
        if (!failed.signal.aborted) failed.abort(toSealpostError(error, `moving ${pair.source}`))
      } finally {
        if (index > 0) goodbyes.push(sessions.close())
      }
    }
    await Promise.all(Array.from({ length: lanes }, (_, index) => runOne(index)))
    endPace?.()
    // The first failure ended the others; its reason is the one to tell.
    if (failed.signal.aborted && !stop.aborted)
      throw toSealpostError(failed.signal.reason, `moving ${pair.source}`)
  }
}

/** As many lanes as both ends stand: at first, and at most. */
function lanesOf(
  { limits }: EngineContext,
  source: Session,
  destination: Session,
): { readonly first: number; readonly most: number } {
  const stood = Math.min(source.capabilities.sessions, destination.capabilities.sessions)
  const most = Math.max(1, Math.min(limits.lanes, stood))
  return { first: Math.min(most, limits.lanesAtFirst), most }
}

/** Lists both ends and decides where each mailbox of the source goes; earlier decisions of the ledger stand. */
export async function mapPair(
  context: Pick<EngineContext, 'ledger' | 'mapping'>,
  pair: Pair,
  source: Session,
  destination: Session,
  signal: AbortSignal,
): Promise<{
  readonly mailboxes: readonly Mailbox[]
  readonly mapping: Mapping
  readonly troubled: TroubledMailboxes
}> {
  const [sources, destinations] = await Promise.all([
    collect(source.listMailboxes(signal)),
    collect(destination.listMailboxes(signal)),
  ])
  const troubled = troubledMailboxes(context, pair.id)
  const earlier = context.ledger.mailboxes(pair.id).filter(({ id }) => !troubled.refused.has(id))
  const mapping = mapMailboxes(
    {
      source: sources,
      labels: source.capabilities.labels ? labelMapping(context.mapping.labels, destination.capabilities) : null,
      destination: destinations,
      naming: destination.naming,
      earlier: earlier.map(({ sourcePath, destination: { path } }) => ({ sourcePath, destinationPath: path })),
    },
    context.mapping,
  )
  return { mailboxes: sources, mapping, troubled }
}

function openWorks(
  { ledger }: EngineContext,
  pair: Pair,
  mapping: Mapping,
  { refused, unlisted }: TroubledMailboxes,
): MailboxWork[] {
  const opened = mapping.mapped.map((entry) => {
    const { source, destinationPath } = entry
    const record = ledger.openMailbox(pair.id, source.path, entry.specialUse, destinationPath)
    if (!refused.has(record.id) || samePath(record.destination.path, destinationPath)) return { entry, record }
    ledger.redirect(record.id, destinationPath)
    return { entry, record: ledger.mailbox(record.id) }
  })
  const gates = gatesByDestination(opened.map(({ record }) => record))
  const turns = new Turns()
  return opened.map(({ entry, record }) => {
    const work = newWork(record, entry.source, gates.get(record.destination.id) ?? new MailboxGate(), turns)
    return { ...work, wasUnlisted: unlisted.has(record.id) }
  })
}

/** Everything that an iteration yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
