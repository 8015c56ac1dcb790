import type { Candidate, Mailbox } from '../core/mail.ts'
import type { DestinationSession, Position } from '../core/connector.ts'
import type { Claim, MessageRecord } from '../core/ledger.ts'
import { throwIfAborted } from '../core/errors.ts'
import type { EngineContext } from './settings.ts'
import type { MailboxWork } from './mailbox-work.ts'
import { CopyGroups, readDigests } from '../core/match-digests.ts'
import type { Digests } from '../core/digest.ts'
import { findElsewhere } from './find-elsewhere.ts'
import { notePossibleCopies } from './possible-copies.ts'

/**
 * The destination must have stood still for this long, in milliseconds, before its word is taken as final: a complete
 * command may still be carried out when its client has been gone for seconds.
 */
const QUIET = 6_000
/** Or for so many times the slowest append that was seen. */
const QUIET_APPENDS = 3
/** Milliseconds between two looks. */
const LOOK = 1_000
/** Rounds of waiting for a mailbox into which somebody else goes on delivering. */
const MAX_ROUNDS = 30

/** What reconcile decided. */
export interface Reconciled {
  readonly landed: number
  readonly pending: number
}

/**
 * Decides the rows in doubt of one mailbox: those whose bytes are found at the destination and unclaimed have landed,
 * the others are pending again. Where one is not found it waits and looks again, since a server may store a command
 * whose client is gone; nobody else appends to the mailbox meanwhile. Twice is safe.
 */
export async function reconcile(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  destination: Mailbox,
  signal: AbortSignal,
): Promise<Reconciled> {
  return work.gate.exclusive(async () => {
    const { ledger } = context
    const all = ledger.inDoubt(work.record.id)
    if (all.length === 0) return { landed: 0, pending: 0 }
    ledger.doubt(all.map((row) => row.id))
    // What lies under another label is only to be shown here, and to do so twice is safe.
    const shown = session.capabilities.labels ? all.filter((row) => ledger.landedTwin(row) !== null) : []
    ledger.revert(shown.map((row) => row.id))
    const rows = all.filter((row) => !shown.includes(row))
    if (rows.length === 0) return { landed: 0, pending: shown.length }
    const match = await matchWhenStill(context, session, work, destination, rows, signal)
    const { claims, missing, base, seen, position } = match
    ledger.land(claims)
    const isOpen = hasVanished(base, position, seen)
    const elsewhere = isOpen ? await findElsewhere(context, session, work, destination, missing, base, signal) : []
    ledger.land(elsewhere.map((id) => ({ id, key: null, validity: null })))
    const unfound = missing.filter((row) => !elsewhere.includes(row.id))
    if (isOpen) notePossibleCopies(ledger, work.record, unfound)
    const pending = unfound.map((row) => row.id)
    ledger.revert(pending)
    const { pairId, id: mailbox } = work.record
    const landed = claims.length + elsewhere.length
    const left = pending.length + shown.length
    context.events({ event: 'reconciled', pair: pairId, mailbox, landed, pending: left })
    return { landed, pending: left }
  })
}

/** Which rows were found, and at which mark. */
interface Match {
  readonly claims: readonly Claim[]
  readonly missing: readonly MessageRecord[]
  readonly base: Position | null
  readonly position: Position
  readonly seen: number
}

/** Looks at once, and again whenever something comes, until every row is found or nothing has come for long enough. */
async function matchWhenStill(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  destination: Mailbox,
  rows: readonly MessageRecord[],
  signal: AbortSignal,
): Promise<Match> {
  const look = (at: Position): Promise<Match> => matchRows(context, session, work, destination, rows, at, signal)
  const quiet = Math.max(QUIET, QUIET_APPENDS * context.ledger.slowestAppend())
  let match = await look(await session.position(destination, signal))
  let still = 0
  for (let waited = 0; match.missing.length > 0 && still < quiet && waited < MAX_ROUNDS * quiet; waited += LOOK) {
    await context.clock.sleep(LOOK, signal)
    still += LOOK
    const { next, validity } = match.position
    const now = await session.position(destination, signal)
    const isStill = now.next === next && now.validity === validity
    // Some servers say the same mark whatever has come: before the copies are given up they are looked for all the same.
    if (isStill && still < quiet) continue
    match = await look(now)
    if (!isStill) still = 0
  }
  return match
}

/** Which of the rows lie at the destination as it is now, each copy counted for one row. */
async function matchRows(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  destination: Mailbox,
  rows: readonly MessageRecord[],
  position: Position,
  signal: AbortSignal,
): Promise<Match> {
  const base = lowestPosition(rows, position)
  const { free, seen } = await unclaimedSince(context, session, work, destination, base, position.validity, signal)
  const nobodys = freeInAccount(context, session, work, free)
  const groups = await groupCandidates(session, destination, nobodys, signal)
  const claims: Claim[] = []
  const missing: MessageRecord[] = []
  for (const row of rows) {
    const candidate = groups.take(row)
    if (candidate === null) missing.push(row)
    else claims.push({ id: row.id, key: candidate.key, validity: position.validity })
  }
  return { claims, missing, base, position, seen }
}

/**
 * For a server that gives no keys: looks up what rows that have just landed were given. Rows for which nothing is
 * found stay without a key.
 */
export async function assignKeys(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  destination: Mailbox,
  since: Position,
  ids: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  const { ledger } = context
  const found = await unclaimedSince(context, session, work, destination, since, since.validity, signal)
  const groups = await groupCandidates(session, destination, found.free, signal)
  const claims: Claim[] = []
  for (const row of ids.map((id) => ledger.message(id))) {
    const candidate = groups.take(row)
    if (candidate !== null) claims.push({ id: row.id, key: candidate.key, validity: since.validity })
  }
  ledger.land(claims)
}

/** What lies at or above the mark: how much, and what of it belongs to no row. */
export async function unclaimedSince(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  destination: Mailbox,
  since: Position | null,
  validity: string,
  signal: AbortSignal,
): Promise<{ readonly free: readonly Candidate[]; readonly seen: number }> {
  const free: Candidate[] = []
  let seen = 0
  let slice: Candidate[] = []
  const flush = (): void => {
    const keys = new Set(
      context.ledger.unclaimed(
        work.record.destination.id,
        validity,
        slice.map((candidate) => candidate.key),
      ),
    )
    free.push(...slice.filter((candidate) => keys.has(candidate.key)))
    slice = []
  }
  for await (const candidate of session.find(destination, since, signal)) {
    throwIfAborted(signal)
    seen++
    slice.push(candidate)
    if (slice.length >= 500) flush()
  }
  flush()
  return { free, seen }
}

/** Of what no row has claimed here, what none has claimed in the whole account, where one message lies in several mailboxes. */
export function freeInAccount(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  free: readonly Candidate[],
): readonly Candidate[] {
  if (!session.capabilities.labels) return free
  return free.filter(({ key }) => context.ledger.copyHolder(work.record.destination.id, key) === null)
}

/** Reads the candidates' bodies and groups them by content. */
export async function groupCandidates(
  session: DestinationSession,
  destination: Mailbox,
  candidates: readonly Candidate[],
  signal: AbortSignal,
): Promise<CopyGroups<Candidate>> {
  const read: { item: Candidate; digests: Digests }[] = []
  const keep = (item: Candidate, digests: Digests): void => {
    read.push({ item, digests })
  }
  await readDigests(session, destination, candidates, keep, signal)
  return new CopyGroups(session.capabilities, read)
}

/** The lowest mark of the rows; null, that is everything, when one was taken under another validity. */
function lowestPosition(rows: readonly MessageRecord[], present: Position): Position | null {
  let lowest: Position | null = null
  for (const { position } of rows) {
    if (position?.validity !== present.validity) return null
    if (lowest === null || isBelow(position.next, lowest.next)) lowest = position
  }
  return lowest
}

/** Marks grow; where they are numbers of different length, the shorter one is lower. */
function isBelow(a: string, b: string): boolean {
  return a.length === b.length ? a < b : a.length < b.length
}

/** True unless the marks prove that everything stored since is still there: more than they allow for says that they are wrong. */
function hasVanished(since: Position | null, present: Position, seen: number): boolean {
  if (since === null) return true
  const stored = Number(present.next) - Number(since.next)
  return stored !== seen
}
