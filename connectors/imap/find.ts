import { isKind, SealpostError } from '../../src/core/errors.ts'
import type { Position } from '../../src/core/connector.ts'
import { messageIdOf } from '../../src/core/header.ts'
import type { Candidate, FlagState, Mailbox } from '../../src/core/mail.ts'
import { perCommand, type Context } from './context.ts'
import type { FetchRow } from './fetch-row.ts'
import { askAgain, askInto, type Rows } from './read-window.ts'
import type { Untagged } from './response.ts'
import { searchUids, uidNextBySearch } from './search.ts'
import { select, selectSeeing, withoutValidity } from './selection.ts'
import { uidSets, uidsOf, type UidSet } from './uid-set.ts'
import { nameParts } from './wire-name.ts'

const WINDOW = 2000
const ITEMS = 'UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]'

/**
 * What lies in the mailbox at or above `since`, window by window. Throws `stale` when `since` is of another
 * UIDVALIDITY. The keys that it hands out are good under the validity that the mailbox has now. What the server says nothing of,
 * or refuses to, is among it: its body decides.
 */
export async function* find(
  context: Context,
  mailbox: Mailbox,
  since: Position | null,
  signal: AbortSignal,
): AsyncGenerator<Candidate> {
  const low = since === null ? 1 : Number(since.next)
  if (!Number.isSafeInteger(low) || low < 1) throw new SealpostError('bug', 'imap: a position that is none')
  const uids = await context.turns.take(async () => {
    const { justSeen, connection } = context
    const fresh = justSeen?.name !== mailbox.name || justSeen.commands !== connection.commands
    context.justSeen = null
    const now = await select(context, mailbox, { write: false, fresh, anyValidity: true }, signal)
    context.validities.set(mailbox.name, now.validity)
    if (since !== null && since.validity !== now.validity) {
      throw new SealpostError('stale', 'imap: the mailbox has a new UIDVALIDITY', { code: 'UIDVALIDITY' })
    }
    // Whether anything is there above `low` is asked and not read from UIDNEXT, which some servers get wrong: what is
    // not found is sent again.
    if (now.messages === 0) return []
    // `n:*` names the last message even where it lies below n (RFC 9051 section 9).
    const found = await searchUids(context, low === 1 ? 'ALL' : `UID ${low}:*`, signal)
    return found.filter((uid) => uid >= low)
  })
  for (const set of uidSets(uids, perCommand(context, WINDOW))) {
    yield* await context.turns.take(() => readCandidates(context, mailbox, set, signal))
  }
}

async function readCandidates(
  context: Context,
  mailbox: Mailbox,
  { text, uids }: UidSet,
  signal: AbortSignal,
): Promise<readonly Candidate[]> {
  await select(context, mailbox, { write: false, fresh: false }, signal)
  const rows: Rows = new Map()
  const range = { low: uids[0] ?? 0, high: uids.at(-1) ?? 0 }
  const ask = askInto(rows, context, range, 'imap: looking for messages', signal)
  await askAgain(ask, ITEMS, rows, uids, await ask(text, ITEMS))
  return uids.map((uid): Candidate => {
    const { bytes = null, internalDate = 0, flags = [], header } = rows.get(uid) ?? {}
    const messageId = Buffer.isBuffer(header) ? messageIdOf(header) : null
    return { key: String(uid), bytes, internalDate, flags, messageId }
  })
}

/** Flags of the messages that still exist, window by window. */
export async function* readFlags(
  context: Context,
  mailbox: Mailbox,
  keys: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<FlagState> {
  for (const set of uidSets(uidsOf(keys), perCommand(context, WINDOW))) {
    const asked = new Set(set.uids)
    yield* await context.turns.take(async () => {
      await selectSeeing(context, mailbox, false, Math.max(...set.uids), signal)
      const states: FlagState[] = []
      const onRow = ({ uid, flags }: FetchRow): void => {
        if (uid !== undefined && flags !== undefined && asked.delete(uid)) states.push({ key: String(uid), flags })
      }
      const command = `UID FETCH ${set.text} (UID FLAGS)`
      await context.connection.expectOk([command], { onRow }, 'imap: reading flags', signal)
      return states
    })
  }
}

/** For so many milliseconds a session may begin with the mark of another one. */
const MARK_LIFE_MS = 10_000

/** Remembers where UIDNEXT stands, for one use by this session and for the account's others to begin with. */
export function noteMark(context: Context, mailbox: Mailbox, position: Position): void {
  context.positions.set(mailbox.name, position)
  context.marks.set(mailbox.name, { position, at: context.clock.monotonic() })
}

/**
 * UIDVALIDITY and UIDNEXT, asked from the server each time, but for one use of what the session has just seen or its
 * last append has told, and of what another session of the account saw a moment ago: an older mark is as good while
 * UIDVALIDITY stands.
 */
export async function position(context: Context, mailbox: Mailbox, signal: AbortSignal): Promise<Position> {
  const known = context.positions.get(mailbox.name) ?? markOfAnother(context, mailbox)
  context.positions.delete(mailbox.name)
  context.positioned.add(mailbox.name)
  const found = known ?? (await askPosition(context, mailbox, signal))
  context.validities.set(mailbox.name, found.validity)
  return found
}

function markOfAnother(context: Context, mailbox: Mailbox): Position | undefined {
  const mark = context.marks.get(mailbox.name)
  if (mark === undefined || context.positioned.has(mailbox.name)) return undefined
  return context.clock.monotonic() - mark.at < MARK_LIFE_MS ? mark.position : undefined
}

async function askPosition(context: Context, mailbox: Mailbox, signal: AbortSignal): Promise<Position> {
  if (!context.flagsKept.has(mailbox.name)) {
    // The first time by SELECT, which tells at once what flags the mailbox keeps.
    const now = await select(context, mailbox, { write: true, fresh: true, anyValidity: true }, signal).catch(
      (error: unknown) => {
        if (isKind(error, 'rejected')) return null
        throw error
      },
    )
    if (now !== null) {
      context.flagsKept.set(mailbox.name, now)
      context.justSeen = { name: mailbox.name, commands: context.connection.commands }
    }
    if (now !== null && now.next !== null) {
      const seen = { validity: now.validity, next: String(now.next) }
      noteMark(context, mailbox, seen)
      return seen
    }
  }
  if (context.selected?.name === mailbox.name) {
    // STATUS of the selected mailbox may show what was (RFC 9051 section 6.3.11): open it anew instead.
    const now = await select(context, mailbox, { write: false, fresh: true, anyValidity: true }, signal)
    if (now.next !== null) return { validity: now.validity, next: String(now.next) }
  }
  let text = ''
  const take = { STATUS: (response: Untagged): void => void (text = response.text) }
  const parts = ['STATUS ', ...nameParts(mailbox.name), ' (UIDVALIDITY UIDNEXT)']
  await context.connection.expectOk(parts, { take }, 'imap: reading the state of a mailbox', signal)
  const validity = /[( ]UIDVALIDITY (\d{1,10})[) ]/i.exec(text.slice(text.lastIndexOf('(')))?.[1]
  const next = /[( ]UIDNEXT (\d{1,10})[) ]/i.exec(text.slice(text.lastIndexOf('(')))?.[1]
  if (validity === undefined) throw withoutValidity()
  if (next !== undefined) return { validity, next }
  const mode = { write: false, fresh: true, anyValidity: true }
  return { validity, next: String(await uidNextBySearch(context, mailbox, mode, signal)) }
}
