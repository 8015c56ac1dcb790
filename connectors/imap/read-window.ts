import type { SealpostError } from '../../src/core/errors.ts'
import type { Listed, Mailbox } from '../../src/core/mail.ts'
import type { Context } from './context.ts'
import type { FetchRow } from './fetch-row.ts'
import { noteSizes } from './large-body.ts'
import { isAboutExpunged, refusalOf } from './response-codes.ts'
import { searchUids } from './search.ts'
import { select } from './selection.ts'
import { uidSets } from './uid-set.ts'

/** A part of a listing: the messages that there are from `low` to `high`. */
export interface Window {
  readonly set: string
  readonly low: number
  readonly high: number
  /** The messages in it, where they were searched for; null where only their number is known. */
  readonly uids: readonly number[] | null
  /** When `uids` is null: as many as there should be at most. */
  readonly messages: number
}

const ITEMS = 'UID FLAGS INTERNALDATE RFC822.SIZE'
/** What a server can say of a message that it cannot read: nothing that it would have to read it for. */
const ITEMS_UNREAD = 'UID FLAGS INTERNALDATE'
/** A server that refuses more than so many commands about a window refuses the mailbox. */
const MAX_REFUSALS = 60

/** What was said of messages, by UID. */
export type Rows = Map<number, FetchRow>

/**
 * Lists a window of the mailbox. What is there and the server says nothing of, or not all, is asked for again, in halves where
 * it refuses them together; what it says nothing of even then is listed without size, date or flags, so that it ends as
 * a message that cannot be read, and not as none. Throws as `Connection.expectOk` where all is refused.
 */
export async function readWindow(
  context: Context,
  mailbox: Mailbox,
  window: Window,
  signal: AbortSignal,
): Promise<Listed[]> {
  const selection = await select(context, mailbox, { write: false, fresh: false }, signal)
  const { low, high } = window
  const rows: Rows = new Map()
  const ask = askInto(rows, context, { low, high }, 'imap: listing messages', signal)
  const items = context.connection.has('X-GM-EXT-1') ? `${ITEMS} X-GM-MSGID` : ITEMS
  const refusal = await ask(window.set, items)
  if (refusal !== null || isShort(window, rows)) {
    const found = await searchUids(context, `UID ${low}:${high}`, signal)
    const there = new Set(found.filter((uid) => uid >= low && uid <= high))
    if (refusal !== null && there.size === 0) throw refusal
    await askAgain(ask, items, rows, [...there], refusal)
    // Flags of a message that has been expunged since.
    for (const [uid, row] of rows) if (!isWhole(row) && !there.has(uid)) rows.delete(uid)
  }
  const listed = [...rows.values()].sort((a, b) => (a.uid ?? 0) - (b.uid ?? 0)).map(asListed)
  noteSizes(context, selection, low, high, listed)
  return listed
}

/** Asks about a set of messages. Returns the refusal where that is about the messages, else null. */
export type Ask = (set: string, items: string) => Promise<SealpostError | null>

/** Asks of the selected mailbox, and puts what is said of messages from `low` to `high` into `rows`; `what` says what was tried. */
export function askInto(
  rows: Rows,
  { connection }: Context,
  { low, high }: Pick<Window, 'low' | 'high'>,
  what: string,
  signal: AbortSignal,
): Ask {
  // A server may say what it has to say of a message in parts, and tells unasked of flags that change meanwhile.
  const onRow = (row: FetchRow): void => {
    const { uid } = row
    if (uid === undefined || uid < low || uid > high) return
    const before = rows.get(uid)
    rows.set(uid, before === undefined ? row : joined(before, row))
  }
  return async (set, items) => {
    const reply = await connection.run([`UID FETCH ${set} (${items})`], { onRow }, signal)
    if (reply.status === 'OK' || isAboutExpunged(reply.code, reply.text)) return null
    const refusal = refusalOf(reply, what)
    if (refusal.kind === 'rejected') return refusal
    throw refusal
  }
}

/** Asks for what of `there` has no whole row, until nothing more is to be had: then it has a row that says nothing. */
export async function askAgain(
  ask: Ask,
  items: string,
  rows: Rows,
  there: readonly number[],
  first: SealpostError | null,
): Promise<void> {
  const lacking = (): number[] => there.filter((uid) => !isWhole(rows.get(uid)))
  const queue = first === null ? [lacking()] : halves(lacking())
  let refusals = 0
  for (let part = queue.shift(); part !== undefined; part = queue.shift()) {
    for (const { text, uids } of uidSets(part, part.length)) {
      const refusal = await ask(text, items)
      if (refusal === null || uids.length === 1) continue
      if (++refusals > MAX_REFUSALS) throw refusal
      queue.push(...halves(uids))
    }
  }
  for (const { text } of uidSets(lacking(), there.length)) await ask(text, ITEMS_UNREAD)
  for (const uid of lacking()) {
    const nothing: FetchRow = { uid, bytes: 0, internalDate: 0, flags: [], body: undefined, header: undefined }
    rows.set(uid, joined(nothing, rows.get(uid) ?? nothing))
  }
}

/** What was said of one message before, and what is said now. */
function joined(before: FetchRow, now: FetchRow): FetchRow {
  return { ...before, ...Object.fromEntries(Object.entries(now).filter(([, value]) => value !== undefined)) }
}

function isWhole(row: FetchRow | undefined): boolean {
  return row?.bytes !== undefined && row.internalDate !== undefined && row.flags !== undefined
}

function isShort(window: Window, rows: Rows): boolean {
  const whole = [...rows.values()].filter(isWhole).length
  if (whole < rows.size) return true
  if (window.uids !== null) return window.uids.some((uid) => !rows.has(uid))
  return whole < Math.min(window.messages, window.high - window.low + 1)
}

function halves(uids: readonly number[]): number[][] {
  const middle = Math.ceil(uids.length / 2)
  return [uids.slice(0, middle), uids.slice(middle)].filter((half) => half.length > 0)
}

function asListed({ uid, bytes = 0, internalDate = 0, flags = [], identity }: FetchRow): Listed {
  return { key: String(uid), bytes, internalDate, flags, ...(identity === undefined ? {} : { identity }) }
}
