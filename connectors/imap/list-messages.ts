import type { Cursor, Page } from '../../src/core/connector.ts'
import type { FlagState, Listed, Mailbox } from '../../src/core/mail.ts'
import { perCommand, type Context } from './context.ts'
import type { FetchRow } from './fetch-row.ts'
import { noteSizes } from './large-body.ts'
import type { Untagged } from './response.ts'
import { searchUids, uidNextBySearch } from './search.ts'
import { select, type Selection } from './selection.ts'
import { expandUids, uidSets } from './uid-set.ts'

/** Messages a round trip: what is held in memory of a listing, whatever the mailbox holds. */
const WINDOW = 5000
/** Vanished UIDs beyond this are not walked one by one: what is still present is asked for instead. */
const MAX_VANISHED = 500_000
const ALL_ITEMS = 'UID FLAGS INTERNALDATE RFC822.SIZE'

interface Resume {
  readonly uidValidity: string
  /** Listed below it; what comes later is new. */
  readonly uidNext: number
  readonly modseq: string | null
  readonly messages: number
}

/**
 * Lists a mailbox from `since`, or whole. The cursor is what the mailbox was when the listing began. With CONDSTORE
 * (RFC 7162) a later listing asks for what changed; with QRESYNC it is told what vanished, else what is still present
 * is searched for. Without CONDSTORE everything is listed again.
 */
export async function* listMessages(
  context: Context,
  mailbox: Mailbox,
  since: Cursor | null,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  const now = await context.turns.take(() =>
    select(context, mailbox, { write: false, fresh: true, anyValidity: true }, signal),
  )
  const before = since === null ? null : parseCursor(since)
  if (since !== null && before?.uidValidity !== now.validity) {
    yield { kind: 'stale' }
    return
  }
  // Not before: keys that were given out under the former validity are refused until this listing has begun.
  context.validities.set(mailbox.name, now.validity)
  const next =
    now.next ??
    (await context.turns.take(() => uidNextBySearch(context, mailbox, { write: false, fresh: false }, signal)))
  const cursor = formatCursor({
    uidValidity: now.validity,
    uidNext: next,
    modseq: now.modseq,
    messages: now.messages,
  })
  if (before === null) {
    yield* listRange(context, mailbox, 1, next - 1, now.messages, signal)
    yield { kind: 'end', cursor, complete: true }
    return
  }
  const sameCount = before.uidNext === next && before.messages === now.messages
  if (sameCount && before.modseq !== null && before.modseq === now.modseq) {
    yield { kind: 'end', cursor, complete: false }
    return
  }
  const complete = yield* listChanges(context, mailbox, before, now, next, signal)
  yield { kind: 'end', cursor, complete }
}

async function* listChanges(
  context: Context,
  mailbox: Mailbox,
  before: Resume,
  now: Selection,
  next: number,
  signal: AbortSignal,
): AsyncGenerator<Page, boolean> {
  const { modseq } = before
  const oldEnd = before.uidNext - 1
  let vanished: readonly string[] | null = []
  if (oldEnd >= 1 && (modseq === null || modseq !== now.modseq)) {
    const changes =
      modseq === null || now.modseq === null
        ? null
        : await context.turns.take(() => changesSince(context, mailbox, oldEnd, modseq, signal))
    if (changes === null) {
      yield* listFlagsAgain(context, mailbox, oldEnd, signal)
      yield* listRange(context, mailbox, before.uidNext, next - 1, now.messages, signal)
      return true
    }
    if (changes.states.length > 0) yield { kind: 'flags', states: changes.states }
    vanished = changes.vanished
  }
  let added = 0
  for await (const page of listRange(context, mailbox, before.uidNext, next - 1, now.messages, signal)) {
    if (page.kind === 'messages') added += page.messages.length
    yield page
  }
  if (context.features.qresync && vanished !== null) {
    if (vanished.length > 0) yield { kind: 'expunged', keys: vanished }
    return false
  }
  // As many of the old ones are left as there were: none can have gone, since UIDs do not come back.
  if (oldEnd < 1 || now.messages - added === before.messages) return false
  const present = await context.turns.take(() => searchUids(context, `UID 1:${oldEnd}`, signal))
  for (let at = 0; at < present.length; at += WINDOW) {
    yield {
      kind: 'present',
      keys: present
        .slice(at, at + WINDOW)
        .filter((uid) => uid <= oldEnd)
        .map(String),
    }
  }
  return true
}

/** Everything in a range of UIDs, window by window; the next one is on its way while one is dealt with. */
async function* listRange(
  context: Context,
  mailbox: Mailbox,
  low: number,
  high: number,
  messages: number,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  if (high < low || messages === 0) return
  const windows = await windowsOf(context, mailbox, low, high, messages, signal)
  const read = (window: Window): Promise<Listed[]> =>
    context.turns.take(() => readWindow(context, mailbox, window, signal))
  let coming = windows[0] === undefined ? null : read(windows[0])
  for (let index = 0; coming !== null; index++) {
    const listed = await coming
    const following = windows[index + 1]
    coming = following === undefined ? null : read(following)
    coming?.catch(() => undefined)
    if (listed.length > 0) yield { kind: 'messages', messages: listed }
  }
}

/** A part of a listing: the messages that there are from `low` to `high`. */
interface Window {
  readonly set: string
  readonly low: number
  readonly high: number
}

async function windowsOf(
  context: Context,
  mailbox: Mailbox,
  low: number,
  high: number,
  messages: number,
  signal: AbortSignal,
): Promise<readonly Window[]> {
  const window = perCommand(context, WINDOW)
  if (messages <= window || high - low < window) return [{ set: `${low}:${high}`, low, high }]
  const uids = await context.turns.take(async () => {
    await select(context, mailbox, { write: false, fresh: false }, signal)
    return searchUids(context, low === 1 ? 'ALL' : `UID ${low}:${high}`, signal)
  })
  const within = uids.filter((uid) => uid >= low && uid <= high)
  const sets = uidSets(within, window)
  return sets.map(({ text, uids: named }, index) => ({
    set: text,
    low: index === 0 ? low : (named[0] ?? low),
    high: (sets[index + 1]?.uids[0] ?? high + 1) - 1,
  }))
}

async function readWindow(
  context: Context,
  mailbox: Mailbox,
  { set, low, high }: Window,
  signal: AbortSignal,
): Promise<Listed[]> {
  const selection = await select(context, mailbox, { write: false, fresh: false }, signal)
  const listed: Listed[] = []
  const onRow = (row: FetchRow): void => {
    const { uid, bytes, internalDate, flags, identity } = row
    if (uid === undefined || uid < low || uid > high) return
    // Flags that another client changes meanwhile come without the rest.
    if (bytes === undefined || internalDate === undefined || flags === undefined) return
    listed.push({ key: String(uid), bytes, internalDate, flags, ...(identity === undefined ? {} : { identity }) })
  }
  const items = context.connection.has('X-GM-EXT-1') ? `${ALL_ITEMS} X-GM-MSGID` : ALL_ITEMS
  await context.connection.expectOk([`UID FETCH ${set} (${items})`], { onRow }, 'imap: listing messages', signal)
  noteSizes(context, selection, low, high, listed)
  return listed
}

async function* listFlagsAgain(
  context: Context,
  mailbox: Mailbox,
  end: number,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  for await (const page of listRange(context, mailbox, 1, end, Infinity, signal)) {
    if (page.kind !== 'messages') continue
    yield { kind: 'flags', states: page.messages.map(({ key, flags }) => ({ key, flags })) }
    yield { kind: 'present', keys: page.messages.map(({ key }) => key) }
  }
}

/** Null when the server left some out (RFC 9738). */
async function changesSince(
  context: Context,
  mailbox: Mailbox,
  end: number,
  modseq: string,
  signal: AbortSignal,
): Promise<{ readonly states: readonly FlagState[]; readonly vanished: readonly string[] | null } | null> {
  await select(context, mailbox, { write: false, fresh: false }, signal)
  const states: FlagState[] = []
  const seen: { vanished: number[] | null } = { vanished: [] }
  const take = {
    VANISHED: (response: Untagged): void => {
      const set = response.text.replace(/^\(EARLIER\)\s+/i, '').trim()
      const uids = expandUids(set, MAX_VANISHED)
      if (uids === null || seen.vanished === null) seen.vanished = null
      else for (const uid of uids) if (uid <= end) seen.vanished.push(uid)
    },
  }
  const onRow = (row: FetchRow): void => {
    if (row.uid !== undefined && row.uid <= end && row.flags !== undefined) {
      states.push({ key: String(row.uid), flags: row.flags })
    }
  }
  const modifier = context.features.qresync ? `CHANGEDSINCE ${modseq} VANISHED` : `CHANGEDSINCE ${modseq}`
  const command = `UID FETCH 1:${end} (UID FLAGS) (${modifier})`
  const reply = await context.connection.expectOk([command], { take, onRow }, 'imap: listing changes', signal)
  if (reply.code === 'MESSAGELIMIT') return null
  return { states, vanished: seen.vanished?.map(String) ?? null }
}

function formatCursor(resume: Resume): Cursor {
  return JSON.stringify(resume)
}

/** Null for what this connector did not make. */
function parseCursor(cursor: Cursor): Resume | null {
  try {
    const { uidValidity, uidNext, modseq, messages } = JSON.parse(cursor) as Partial<Record<keyof Resume, unknown>>
    const digits = (value: unknown): value is string => typeof value === 'string' && /^\d{1,19}$/.test(value)
    const count = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value)
    if (digits(uidValidity) && count(uidNext) && count(messages) && (modseq === null || digits(modseq))) {
      return { uidValidity, uidNext, modseq, messages }
    }
  } catch {
    // no JSON: none of ours
  }
  return null
}
