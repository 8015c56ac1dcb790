import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { SourceSession } from '../../src/core/connector.ts'
import type { SealpostError } from '../../src/core/errors.ts'
import { bodyOf, collect, errorOf, findMailbox, list, quiet } from '../conformance/bench.ts'
import type { FakeGmailAccount } from '../fakes/gmail-account.ts'
import { startGmail, type GmailStage } from './stage.ts'

let stage: GmailStage
let account: FakeGmailAccount
let number = 0
beforeAll(async () => {
  stage = await startGmail()
})
afterAll(() => stage.stop())
beforeEach(() => {
  account = stage.server.account(`source${++number}@example.test`)
})

function open(options = {}): Promise<SourceSession> {
  return stage.connector(options).openSource(account.email, quiet)
}

function put(subject: string, ...labels: readonly string[]): string {
  return account.store(Buffer.from(`Message-ID: <${subject}@x>\r\nSubject: ${subject}\r\n\r\nb\r\n`), labels, 1e12)
    .id
}

async function keysIn(session: SourceSession, ...path: readonly string[]): Promise<readonly string[]> {
  return [...(await list(session, await findMailbox(session, path), null)).messages.keys()].sort()
}

describe('labels as mailboxes', () => {
  it('show a message under one key in each, All Mail among them, and what is in the trash there alone', async () => {
    const project = account.createLabel('Work/Project').id
    const both = put('both', 'INBOX', project)
    const archived = put('archived')
    const trashed = put('trashed', 'TRASH', project)
    const spam = put('spam', 'SPAM', 'INBOX')
    put('chat', 'CHAT')
    const session = await open()
    const mailboxes = await collect(session.listMailboxes(quiet))
    expect(mailboxes.map(({ path, specialUse }) => [path.join('/'), specialUse])).toEqual([
      ['INBOX', 'inbox'],
      ['Sent', 'sent'],
      ['Drafts', 'drafts'],
      ['Spam', 'junk'],
      ['Trash', 'trash'],
      ['All Mail', 'all'],
      ['Work/Project', null],
    ])
    expect(await keysIn(session, 'INBOX')).toEqual([both])
    expect(await keysIn(session, 'Work', 'Project')).toEqual([both])
    expect(await keysIn(session, 'All Mail')).toEqual([both, archived].sort())
    expect(await keysIn(session, 'Trash')).toEqual([trashed])
    expect(await keysIn(session, 'Spam')).toEqual([spam])
  })

  it('cost two units-bearing calls a message and no more, however many labels there are', async () => {
    const labels = Array.from({ length: 20 }, (_, index) => account.createLabel(`Label ${index}`).id)
    const ids = Array.from({ length: 60 }, (_, index) => put(`m${index}`, 'INBOX', ...labels))
    const connector = stage.connector()
    const session = await connector.openSource(account.email, quiet)
    for (const mailbox of await collect(session.listMailboxes(quiet))) await list(session, mailbox, null)
    const inbox = await findMailbox(session, ['INBOX'])
    for await (const fetched of session.fetch(inbox, ids, quiet)) expect(fetched.kind).toBe('whole')
    const { server } = stage
    expect(server.countOf('messages.get', account.email)).toBe(2 * ids.length)
    expect(server.countOf('messages.list', account.email)).toBe(1)
    expect(server.countOf('batch', account.email)).toBe(Math.ceil(ids.length / 25))
    // One request a body, a 25th for its labels; a label costs its look at the labels and at the history.
    const perLabel = 2 * (labels.length + 6)
    expect(connector.usageOf(account.email).requests).toBeLessThanOrEqual(
      ids.length + Math.ceil(ids.length / 25) + perLabel + 6,
    )
    expect(connector.usageOf(account.email).units).toBe(server.unitsOf(account.email))
  })

  it('tell what came, left and went since a cursor, in a process that knows nothing else', async () => {
    const work = account.createLabel('Work').id
    const [stays, leaves, trashed, deleted] = ['a', 'b', 'c', 'd'].map((name) => put(name, work))
    const session = await open()
    const mailbox = await findMailbox(session, ['Work'])
    const first = await list(session, mailbox, null)
    expect(first.messages.size).toBe(4)
    const comes = put('e', work)
    account.change(leaves ?? '', ['INBOX'], [work])
    account.change(trashed ?? '', ['TRASH'], [])
    account.delete(deleted ?? '')
    account.change(stays ?? '', ['STARRED'], [])
    stage.server.seen.splice(0)
    for (const fresh of [await open(), session]) {
      const second = await list(fresh, mailbox, first.cursor, first.messages)
      expect([...second.messages.keys()].sort()).toEqual([stays, comes].sort())
      expect(second.messages.get(stays ?? '')?.flags).toEqual(['\\Flagged', '\\Seen'])
      const third = await list(fresh, mailbox, second.cursor, second.messages)
      expect(third.pages.map(({ kind }) => kind)).toEqual(['end'])
    }
    // A process that begins with a cursor reads what has changed and nothing else.
    expect(stage.server.countOf('messages.list', account.email)).toBe(0)
  })

  it('tell of what comes after the first page of the history', async () => {
    const work = account.createLabel('Work').id
    const busy = put('busy', work)
    const session = await open()
    const mailbox = await findMailbox(session, ['Work'])
    const first = await list(session, mailbox, null)
    for (let n = 0; n < 300; n++) {
      account.change(busy, ['STARRED'], [])
      account.change(busy, [], ['STARRED'])
    }
    const last = put('last', work)
    const asked = stage.server.countOf('history.list', account.email)
    const second = await list(session, mailbox, first.cursor, first.messages)
    expect([...second.messages.keys()].sort()).toEqual([busy, last].sort())
    expect(stage.server.countOf('history.list', account.email)).toBe(asked + 2)
  })

  it('are stale when the history was cut short, and when the label was made again', async () => {
    put('a', account.createLabel('Work').id)
    const session = await open()
    const mailbox = await findMailbox(session, ['Work'])
    const { cursor } = await list(session, mailbox, null)
    account.expireHistory()
    for (const each of [session, await open()]) {
      expect(await collect(each.listMessages(mailbox, cursor, quiet))).toEqual([{ kind: 'stale' }])
      expect((await list(each, mailbox, null)).messages.size).toBe(1)
    }
    const again = await list(session, mailbox, null)
    account.deleteLabel(account.byName('Work')?.id ?? '')
    await expect(collect(session.listMessages(mailbox, again.cursor, quiet))).rejects.toMatchObject({
      kind: 'not-found',
    })
    account.createLabel('Work')
    expect(await collect(session.listMessages(mailbox, again.cursor, quiet))).toEqual([{ kind: 'stale' }])
  })

  it('are listed on with a new token where the old one is refused within a batch, once', async () => {
    put('m', 'INBOX')
    const body = { error: { code: 401, message: 'Invalid Credentials', status: 'UNAUTHENTICATED' } }
    for (const [times, outcome] of [
      [1, 1],
      [2, 'auth'],
    ] as const) {
      const asked: boolean[] = []
      const token = async (mailbox: string, force: boolean): Promise<string> => {
        asked.push(force)
        return mailbox
      }
      const session = await open({ tokens: { token } })
      const inbox = await findMailbox(session, ['INBOX'])
      stage.server.faults.arm(/^BATCH messages\.get/, { kind: 'answer', status: 401, body }).times(times)
      const listing = list(session, inbox, null).then(
        ({ messages }) => messages.size,
        (error: unknown) => (error as SealpostError).kind,
      )
      expect(await listing).toBe(outcome)
      expect(asked.filter((force) => force)).toHaveLength(1)
    }
  })

  it('go on where a throttled listing stopped', async () => {
    for (let index = 0; index < 60; index++) put(`m${index}`, 'INBOX')
    const body = {
      error: {
        code: 429,
        message: 'Too many concurrent requests for user',
        errors: [{ reason: 'rateLimitExceeded' }],
      },
    }
    stage.server.faults.arm(/^BATCH messages\.get/, { kind: 'answer', status: 429, body }).after(30)
    const session = await open()
    const inbox = await findMailbox(session, ['INBOX'])
    const error = await errorOf(collect(session.listMessages(inbox, null, quiet)))
    expect(error.kind).toBe('throttled')
    // A time of the clock and back: a thousand, and what a sum of fractions makes of it.
    expect(error.retryAfter).toBeGreaterThanOrEqual(1000)
    expect(error.retryAfter).toBeLessThanOrEqual(1001)
    const read = stage.server.countOf('messages.get', account.email)
    expect((await list(session, inbox, null)).messages.size).toBe(60)
    // The one that was throttled did not count as read, and only the rest is asked for again.
    expect(stage.server.countOf('messages.get', account.email)).toBe(read + 60 - 49)
  })
})

describe('bodies', () => {
  it.each([
    ['cut', { kind: 'cut-body', after: 100 }],
    ['ended too early', { kind: 'short-body', after: 100 }],
    ['lost', { kind: 'lose-reply' }],
  ] as const)('that are %s are an error and no short message', async (_name, fault) => {
    const key = put('a', 'INBOX')
    const session = await open()
    const inbox = await findMailbox(session, ['INBOX'])
    stage.server.faults.arm(/^messages\.get/, fault)
    expect(await errorOf(collect(session.fetch(inbox, [key], quiet)))).toMatchObject({ kind: 'transient' })
    const [again] = await collect(session.fetch(inbox, [key], quiet))
    expect(Buffer.from(await bodyOf(again)).toString()).toContain('Subject: a')
  })

  it('that have left the mailbox are gone', async () => {
    const key = put('a', 'INBOX')
    const session = await open()
    const inbox = await findMailbox(session, ['INBOX'])
    account.change(key, ['TRASH'], [])
    expect(await collect(session.fetch(inbox, [key, 'ffffffffffffffff', '1'], quiet))).toEqual([
      { kind: 'gone', key },
      { kind: 'gone', key: 'ffffffffffffffff' },
      { kind: 'gone', key: '1' },
    ])
  })

  it('that change while they are read in pieces are corrupt', async () => {
    const raw = Buffer.from(`Subject: large\r\n\r\n${'x'.repeat(300_000)}`)
    const { id } = account.store(raw, ['INBOX'], 1e12)
    const session = await open({ largeMessageBytes: 100_000 })
    const inbox = await findMailbox(session, ['INBOX'])
    const [fetched] = await collect(session.fetch(inbox, [id], quiet))
    expect(Buffer.from(await bodyOf(fetched)).equals(raw)).toBe(true)
    const message = account.messages.get(id)
    if (message !== undefined) account.messages.set(id, { ...message, raw: raw.subarray(1) })
    await expect(bodyOf(fetched)).rejects.toMatchObject({ kind: 'corrupt' })
  })
})
