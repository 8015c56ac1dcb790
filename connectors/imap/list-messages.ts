import type { Cursor, Page } from '../../src/core/connector.ts'
import type { FlagState, Listed, Mailbox } from '../../src/core/mail.ts'
import { perCommand, type Context } from './context.ts'
import type { FetchRow } from './fetch-row.ts'
import { readWindow, type Window } from './read-window.ts'
import type { Untagged } from './response.ts'
import { searchUids, uidNextBySearch } from './search.ts'
import { select, type Selection } from './selection.ts'
import { expandUids, uidSets } from './uid-set.ts'

/** Messages a round trip: what is held in memory of a listing, whatever the mailbox holds. */
const WINDOW = 5000
/** Vanished UIDs beyond this are not walked one by one: what is still present is asked for instead. */
const MAX_VANISHED = 500_000

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
  const next = await nextOf(context, mailbox, now, before, signal)
  if (next === null) {
    yield { kind: 'stale' }
    return
  }
  // Not before: keys that were given out under the former validity are refused until this listing has begun.
  context.validities.set(mailbox.name, now.validity)
  const all: Range = { low: 1, high: next - 1, messages: now.messages, listed: 0 }
  if (before === null) {
    yield* listRange(context, mailbox, all, signal)
    const end = yield* listBeyond(context, mailbox, now, { next, lacking: now.messages - all.listed }, signal)
    yield { kind: 'end', cursor: cursorOf(now, end), complete: true }
    return
  }
  const sameCount = before.uidNext === next && before.messages === now.messages
  if (sameCount && before.modseq !== null && before.modseq === now.modseq) {
    yield { kind: 'end', cursor: cursorOf(now, next), complete: false }
    return
  }
  const recent: Range = { ...all, low: before.uidNext }
  const complete = yield* listChanges(context, mailbox, before, now, { all, recent }, signal)
  // Where old ones have gone it cannot be told from the counts that a new one is lacking.
  const lacking = all.listed > 0 ? now.messages - all.listed : now.messages - before.messages - recent.listed
  const end = yield* listBeyond(context, mailbox, now, { next, lacking }, signal)
  yield { kind: 'end', cursor: cursorOf(now, end), complete }
}

/**
 * UIDNEXT, where it was not said or cannot be: below what it was before, one above the largest UID. Null where that is below it
 * as well: UIDs have been or will be given a second time, whatever the server says of their validity (seen at GMX).
 */
async function nextOf(
  context: Context,
  mailbox: Mailbox,
  now: Selection,
  before: Resume | null,
  signal: AbortSignal,
): Promise<number | null> {
  const known = before?.uidNext ?? 0
  if (now.next !== null && now.next >= known) return now.next
  const mode = { write: false, fresh: false, anyValidity: true }
  const found = await context.turns.take(() => uidNextBySearch(context, mailbox, mode, signal))
  if (now.next === null) return Math.max(found, known)
  return found < known ? null : found
}

/**
 * Lists what lies at or above a UIDNEXT that cannot be true, where fewer messages were listed than there were when the mailbox
 * was opened. Returns the UIDNEXT to go by.
 */
async function* listBeyond(
  context: Context,
  mailbox: Mailbox,
  now: Selection,
  { next, lacking }: { readonly next: number; readonly lacking: number },
  signal: AbortSignal,
): AsyncGenerator<Page, number> {
  if (lacking <= 0) return next
  const mode = { write: false, fresh: false }
  const found = await context.turns.take(() => uidNextBySearch(context, mailbox, mode, signal))
  if (found <= next) return next
  yield* listRange(context, mailbox, { low: next, high: found - 1, messages: now.messages, listed: 0 }, signal)
  return found
}

async function* listChanges(
  context: Context,
  mailbox: Mailbox,
  before: Resume,
  now: Selection,
  { all, recent }: { readonly all: Range; readonly recent: Range },
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
      for await (const page of listRange(context, mailbox, all, signal)) yield* apart(page, oldEnd)
      return true
    }
    if (changes.states.length > 0) yield { kind: 'flags', states: changes.states }
    vanished = changes.vanished
  }
  yield* listRange(context, mailbox, recent, signal)
  if (context.features.qresync && vanished !== null) {
    if (vanished.length > 0) yield { kind: 'expunged', keys: vanished }
    return false
  }
  // As many of the old ones are left as there were: none can have gone, since UIDs do not come back.
  if (oldEnd < 1 || now.messages - recent.listed === before.messages) return false
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

/** A page of what is listed again: of messages up to `oldEnd` flags and presence alone are news. */
function* apart(page: Page, oldEnd: number): Generator<Page> {
  if (page.kind !== 'messages') return
  const old = page.messages.filter(({ key }) => Number(key) <= oldEnd)
  const messages = page.messages.filter(({ key }) => Number(key) > oldEnd)
  if (old.length > 0) {
    yield { kind: 'flags', states: old.map(({ key, flags }) => ({ key, flags })) }
    yield { kind: 'present', keys: old.map(({ key }) => key) }
  }
  if (messages.length > 0) yield { kind: 'messages', messages }
}

/** What is to be listed: UIDs, of a mailbox with so many messages. */
interface Range {
  readonly low: number
  readonly high: number
  readonly messages: number
  /** Those that have been. */
  listed: number
}

/** Everything in a range of UIDs, window by window; the next one is on its way while one is dealt with. */
async function* listRange(
  context: Context,
  mailbox: Mailbox,
  range: Range,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  const { low, high, messages } = range
  if (high < low || messages === 0) return
  const windows = await windowsOf(context, mailbox, low, high, messages, signal)
  const read = (window: Window): Promise<Listed[]> =>
    context.turns.take(() => readWindow(context, mailbox, window, signal))
  let coming = windows[0] === undefined ? null : read(windows[0])
  for (let index = 0; coming !== null; index++) {
    const listed = await coming
    range.listed += listed.length
    const following = windows[index + 1]
    coming = following === undefined ? null : read(following)
    coming?.catch(() => undefined)
    if (listed.length > 0) yield { kind: 'messages', messages: listed }
  }
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
  if (messages <= window || high - low < window)
    return [{ set: `${low}:${high}`, low, high, uids: null, messages }]
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
    uids: named,
    messages: named.length,
  }))
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

function cursorOf({ validity, modseq, messages }: Selection, uidNext: number): Cursor {
  return JSON.stringify({ uidValidity: validity, uidNext, modseq, messages } satisfies Resume)
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
