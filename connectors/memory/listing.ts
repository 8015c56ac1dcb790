import type { Cursor, Page } from '../../src/core/connector.ts'
import type { Mailbox } from '../../src/core/mail.ts'
import type { MemoryMailbox, MemoryMessage } from './memory-mailbox.ts'
import type { SessionContext } from './session-context.ts'

const PAGE_MESSAGES = 500

/** UIDVALIDITY, UIDNEXT and the count of changes when a listing began. */
interface Mark {
  readonly validity: number
  readonly next: number
  readonly modseq: number
}

/**
 * `SourceSession.listMessages`. With `delta` `scan` everything is listed each time. Otherwise a listing from a cursor
 * names new messages, changed flags and what is gone (RFC 7162), or, with `expunges: 'present'`, what is left.
 */
export async function* listMessages(
  context: SessionContext,
  handle: Mailbox,
  since: Cursor | null,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  await context.before('listMessages', { mailbox: handle }, signal)
  const mailbox = context.mailbox(handle)
  const cursor = formatMark({ validity: mailbox.uidValidity, next: mailbox.uidNext, modseq: mailbox.modseq })
  const mark = since === null ? null : parseMark(since)
  if (since !== null && !isGood(mark, mailbox)) {
    yield { kind: 'stale' }
    return
  }
  const from = context.capabilities.delta === 'scan' ? null : mark
  for (const page of pagesSince(context, mailbox, from)) {
    await context.before('page', { mailbox: handle, keys: keysOf(page) }, signal)
    yield page
  }
  await context.after('listMessages', { mailbox: handle })
  yield { kind: 'end', cursor, complete: from === null || context.options.expunges === 'present' }
}

function pagesSince(context: SessionContext, mailbox: MemoryMailbox, mark: Mark | null): readonly Page[] {
  const size = context.options.pageMessages ?? PAGE_MESSAGES
  const all = [...mailbox.messages.values()].sort((a, b) => a.uid - b.uid)
  // With labels a message may be new here that is an old one elsewhere.
  const isNew = ({ uid, modseq }: MemoryMessage): boolean =>
    mark === null || uid >= mark.next || (context.capabilities.labels && modseq > mark.modseq)
  const pages: Page[] = chunk(all.filter(isNew), size).map((messages) => ({
    kind: 'messages',
    messages: messages.map(({ uid, bytes, internalDate, flags }) => ({
      key: String(uid),
      bytes: bytes.length,
      internalDate,
      flags,
      ...(context.capabilities.labels ? { identity: String(uid), labels: labelsOf(context, uid) } : {}),
    })),
  }))
  if (mark === null) return pages
  const old = all.filter((message) => !isNew(message))
  const changed = old.filter((message) => message.modseq > mark.modseq)
  for (const states of chunk(changed, size)) {
    pages.push({ kind: 'flags', states: states.map(({ uid, flags }) => ({ key: String(uid), flags })) })
  }
  if (context.options.expunges === 'present') {
    for (const left of chunk(old, size)) pages.push({ kind: 'present', keys: left.map(({ uid }) => String(uid)) })
    return pages
  }
  const gone = [...mailbox.expunged].filter(([uid, modseq]) => modseq > mark.modseq && uid < mark.next)
  for (const part of chunk(gone, size)) pages.push({ kind: 'expunged', keys: part.map(([uid]) => String(uid)) })
  return pages
}

function keysOf(page: Page): readonly string[] {
  switch (page.kind) {
    case 'messages':
      return page.messages.map((message) => message.key)
    case 'flags':
      return page.states.map((state) => state.key)
    case 'expunged':
    case 'present':
      return page.keys
    case 'stale':
    case 'end':
      return []
  }
}

function isGood(mark: Mark | null, mailbox: MemoryMailbox): boolean {
  return mark !== null && mark.validity === mailbox.uidValidity && mark.modseq >= mailbox.oldestModseq
}

function formatMark(mark: Mark): Cursor {
  return `${mark.validity}:${mark.next}:${mark.modseq}`
}

function parseMark(cursor: Cursor): Mark | null {
  const parts = /^(\d+):(\d+):(\d+)$/.exec(cursor)
  return parts === null ? null : { validity: Number(parts[1]), next: Number(parts[2]), modseq: Number(parts[3]) }
}

function chunk<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  const chunks: (readonly Item[])[] = []
  for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size))
  return chunks
}

/** With labels a message has one UID in all mailboxes; those without a use are the user's labels. */
function labelsOf(context: SessionContext, uid: number): readonly string[] {
  return context.account.mailboxes.flatMap(({ path, specialUse, messages }) =>
    specialUse === null && path[0] !== 'INBOX' && messages.has(uid) ? [path.join('/')] : [],
  )
}
