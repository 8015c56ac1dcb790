import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SealpostError } from '../../src/core/errors.ts'
import type { Fetched, Mailbox } from '../../src/core/mail.ts'
import { startGraphServer, type GraphServer } from '../fakes/graph-server.ts'
import type { FakeMailbox } from '../fakes/m365/mailbox.ts'
import { collect, findMailbox, list } from '../conformance/bench.ts'
import { graphTo, quiet, tokensOf, withSource } from './fixture.ts'

let server: GraphServer
let next = 0
beforeAll(async () => {
  server = await startGraphServer()
})
afterAll(async () => {
  expect(server.tenant.faults.complaints()).toEqual([])
  await server.stop()
})

function freshMailbox(): FakeMailbox {
  return server.tenant.mailbox(`user${next++}@contoso.example`)
}

function put(mailbox: FakeMailbox, text: string, folder = 'inbox'): string {
  const at = mailbox.folder(folder)
  if (at === undefined) throw new Error('no such folder')
  return mailbox.add(at, { mime: Buffer.from(text, 'latin1'), receivedMs: 1_500_000_000_000 }).id
}

const inboxOf = (session: Parameters<typeof findMailbox>[0]): Promise<Mailbox> => findMailbox(session, ['INBOX'])

describe('a Graph source', () => {
  it('lists folders by their roles, whatever they are called, and leaves the machinery out', async () => {
    const mailbox = freshMailbox()
    const inbox = mailbox.folder('inbox')
    if (inbox === undefined) throw new Error('no inbox')
    mailbox.createFolder('Projekte/2024', inbox)
    mailbox.createFolder('Inbox', mailbox.root)
    const mailboxes = await withSource(graphTo(server), mailbox.address, (session) =>
      collect(session.listMailboxes(quiet)),
    )
    expect(mailboxes.map(({ path, specialUse }) => [path, specialUse])).toEqual([
      [['INBOX'], 'inbox'],
      [['INBOX', 'Projekte/2024'], null],
      [['Entwürfe'], 'drafts'],
      [['Gesendete Elemente'], 'sent'],
      [['Gelöschte Elemente'], 'trash'],
      [['Junk-E-Mail'], 'junk'],
      [['Archiv'], 'archive'],
      [['Postausgang'], null],
      [['Inbox (2)'], null],
    ])
  })

  it('leaves no folder out that may hold mail, whatever kind Outlook made it', async () => {
    const mailbox = freshMailbox()
    const mail = ['IPF.Imap', 'IPF', '', 'IPF.Note.Microsoft.Conversation', 'ipf.note', 'IPF.Custom']
    const others = ['IPF.Task', 'IPF.StickyNote', 'IPF.Journal', 'IPF.Contact.Company', 'Outlook.Reminder']
    for (const kind of [...mail, ...others]) mailbox.createFolder(`of ${kind}`, mailbox.root, kind)
    const mailboxes = await withSource(graphTo(server), mailbox.address, (session) =>
      collect(session.listMailboxes(quiet)),
    )
    const found = mailboxes.flatMap(({ path }) => path.filter((level) => level.startsWith('of ')))
    expect(found).toEqual(mail.map((kind) => `of ${kind}`))
  })

  it('does not go round in a list of folders that leads back to itself', async () => {
    const mailbox = freshMailbox()
    await withSource(graphTo(server), mailbox.address, async (session) => {
      const path = `/users/${encodeURIComponent(mailbox.address)}/mailFolders?$top=9`
      const link = { value: [], '@odata.nextLink': `https://${server.host}:${server.port}/v1.0${path}` }
      server.tenant.faults.arm(/^GET .*\/mailFolders\?/, { kind: 'answer', status: 200, body: link }).times(2)
      await expect(collect(session.listMailboxes(quiet))).rejects.toMatchObject({
        kind: 'transient',
        message: 'graph: a list leads back to itself',
      })
    })
  })

  it('reads every byte as it is, where the library would decode it', async () => {
    const mailbox = freshMailbox()
    const bytes = Buffer.concat([
      Buffer.from('Subject: x\r\n\r\n'),
      Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
    ])
    const key = put(mailbox, bytes.toString('latin1'))
    const [fetched] = await withSource(graphTo(server), mailbox.address, async (session) =>
      collect(session.fetch(await inboxOf(session), [key], quiet)),
    )
    expect(fetched?.kind).toBe('whole')
    expect(Buffer.from(fetched?.kind === 'whole' ? fetched.body : [])).toEqual(bytes)
  })

  it('maps flags, replies, forwards and categories', async () => {
    const mailbox = freshMailbox()
    const inbox = mailbox.folder('inbox')
    if (inbox === undefined) throw new Error('no inbox')
    mailbox.add(inbox, {
      mime: Buffer.from('Subject: a\r\n\r\n'),
      isRead: true,
      isFlagged: true,
      categories: ['Red category', 'Grün', 'a(b)'],
      properties: new Map([['integer 0x1081', '103']]),
    })
    mailbox.add(inbox, {
      mime: Buffer.from('Subject: b\r\n\r\n'),
      properties: new Map([['integer 0x1081', '104']]),
    })
    await withSource(graphTo(server), mailbox.address, async (session) => {
      const box = await inboxOf(session)
      const { messages } = await list(session, box, null)
      const listed = [...messages.values()]
      expect(listed.map(({ flags }) => flags)).toEqual([
        ['\\Answered', '\\Flagged', '\\Seen', 'Gr&APw-n', 'Red_category', 'a-b-'].sort(),
        ['$Forwarded'],
      ])
      const states = await collect(session.flags(box, [...messages.keys()], quiet))
      expect(states.map(({ flags }) => flags)).toEqual(listed.map(({ flags }) => flags))
    })
  })

  it('goes through the pages, and asks alone for what came without its date', async () => {
    const mailbox = freshMailbox()
    for (let number = 0; number < 25; number++) put(mailbox, `Subject: ${number}\r\n\r\n`)
    for (const dropsFields of [false, true]) {
      server.tenant.dropsFields = dropsFields
      await withSource(graphTo(server), mailbox.address, async (session) => {
        const { messages, pages } = await list(session, await inboxOf(session), null)
        expect([...messages.values()].map(({ internalDate }) => internalDate)).toEqual(
          Array(25).fill(1_500_000_000_000),
        )
        expect(pages.filter(({ kind }) => kind === 'messages')).toHaveLength(4)
      })
    }
    server.tenant.dropsFields = false
  })

  it('takes the last state of a message that a page names several times', async () => {
    const mailbox = freshMailbox()
    const [stays, goes] = [put(mailbox, 'Subject: 1\r\n\r\n'), put(mailbox, 'Subject: 2\r\n\r\n')]
    await withSource(graphTo(server), mailbox.address, async (session) => {
      const inbox = await inboxOf(session)
      const { cursor } = await list(session, inbox, null)
      const there = (id: string, isRead: boolean): object => ({
        ...{ id, isRead, isDraft: false, flag: { flagStatus: 'notFlagged' }, categories: [] },
        receivedDateTime: '2017-07-14T02:40:00Z',
      })
      const gone = (id: string): object => ({ id, '@removed': { reason: 'changed' } })
      const value = [there(stays, false), gone(stays), there(goes, false), there(stays, true), gone(goes)]
      const link = (JSON.parse(cursor) as { link: string }).link
      server.tenant.faults.arm(/\/messages\/delta/, {
        kind: 'answer',
        status: 200,
        body: { value, '@odata.deltaLink': link },
      })
      const pages = await collect(session.listMessages(inbox, cursor, quiet))
      expect(pages.slice(0, -1)).toMatchObject([
        { kind: 'messages', messages: [{ key: stays, flags: ['\\Seen'] }] },
        { kind: 'expunged', keys: [goes] },
      ])
    })
  })

  it('takes an expired link as stale, and one of another service too', async () => {
    const mailbox = freshMailbox()
    put(mailbox, 'Subject: 1\r\n\r\n')
    await withSource(graphTo(server), mailbox.address, async (session) => {
      const inbox = await inboxOf(session)
      const { cursor } = await list(session, inbox, null)
      mailbox.forgetDeltas()
      expect(await collect(session.listMessages(inbox, cursor, quiet))).toEqual([{ kind: 'stale' }])
      const foreign = JSON.stringify({ folder: inbox.name, link: 'https://elsewhere.example/v1.0/x' })
      expect(await collect(session.listMessages(inbox, foreign, quiet))).toEqual([{ kind: 'stale' }])
    })
  })

  describe('of a mailbox that is full, which refuses every delta', () => {
    const full = { error: { code: 'ErrorQuotaExceeded', message: 'Mailbox has exceeded maximum mailbox size.' } }
    const refuse = (times: number): void =>
      void server.tenant.faults.arm(/\/messages\/delta/, { kind: 'answer', status: 403, body: full }).times(times)

    it('lists everything all the same, again each time, and by a delta once it is full no more', async () => {
      const mailbox = freshMailbox()
      const ids = Array.from({ length: 25 }, (_, n) => put(mailbox, `Subject: ${n}\r\n\r\n`))
      refuse(2)
      await withSource(graphTo(server), mailbox.address, async (session) => {
        const inbox = await inboxOf(session)
        const first = await list(session, inbox, null)
        expect([...first.messages.keys()].sort()).toEqual([...ids].sort())
        expect(first.pages.at(-1)).toMatchObject({ complete: true })
        const item = mailbox.items.get(ids[3] ?? '')
        if (item !== undefined) mailbox.remove(item)
        const second = await list(session, inbox, first.cursor, first.messages)
        expect([second.messages.size, second.messages.has(ids[3] ?? '')]).toEqual([24, false])
        const third = await list(session, inbox, second.cursor, second.messages)
        expect([third.messages.size, third.pages.at(-1)]).toMatchObject([24, { complete: true }])
        const added = put(mailbox, 'Subject: new\r\n\r\n')
        const fourth = await list(session, inbox, third.cursor, third.messages)
        expect(fourth.pages).toMatchObject([{ messages: [{ key: added }] }, { kind: 'end', complete: false }])
      })
    })

    it('takes nothing as gone that was passed over while something else was removed', async () => {
      const mailbox = freshMailbox()
      const ids = Array.from({ length: 25 }, (_, n) => put(mailbox, `Subject: ${n}\r\n\r\n`))
      refuse(2)
      await withSource(graphTo(server), mailbox.address, async (session) => {
        const inbox = await inboxOf(session)
        for (const isRestless of [false, true]) {
          const gone: string[] = []
          const seen = new Set<string>()
          let complete: boolean | null = null
          for await (const page of session.listMessages(inbox, null, quiet)) {
            if (page.kind === 'end') complete = page.complete
            if (page.kind !== 'messages') continue
            for (const { key } of page.messages) seen.add(key)
            if (gone.length > 0 && !isRestless) continue
            const removed = mailbox.items.get(page.messages[0]?.key ?? '')
            if (removed !== undefined) {
              mailbox.remove(removed)
              gone.push(removed.id)
            }
          }
          const there = ids.filter((id) => mailbox.items.has(id))
          expect(
            there.filter((id) => !seen.has(id)),
            `${gone.length} removed`,
          ).toEqual([])
          expect([gone.length > 0, complete]).toEqual([true, !isRestless])
        }
      })
    })
  })

  it('keeps the key of a message that is moved', async () => {
    const mailbox = freshMailbox()
    const key = put(mailbox, 'Subject: moving\r\n\r\n')
    await withSource(graphTo(server), mailbox.address, async (session) => {
      const inbox = await inboxOf(session)
      const first = await list(session, inbox, null)
      const item = mailbox.items.get(key)
      const archive = mailbox.folder('archive')
      if (item === undefined || archive === undefined) throw new Error('nothing to move')
      mailbox.move(item, archive)
      const second = await list(session, inbox, first.cursor, first.messages)
      expect(second.messages.size).toBe(0)
      const other = await list(session, await findMailbox(session, ['Archiv']), null)
      expect([...other.messages.keys()]).toEqual([key])
    })
  })

  it('keeps to four requests at once over all sessions of a mailbox', async () => {
    const mailbox = freshMailbox()
    const keys = Array.from({ length: 30 }, (_, number) => put(mailbox, `Subject: ${number}\r\n\r\n`))
    server.tenant.latencyMs = 5
    try {
      const connector = graphTo(server, { requestsAtOnce: 4 })
      await Promise.all(
        [0, 1, 2].map(() =>
          withSource(connector, mailbox.address, async (session) => {
            const inbox = await inboxOf(session)
            await Promise.all([
              collect(session.fetch(inbox, keys, quiet)),
              collect(session.flags(inbox, keys, quiet)),
            ])
          }),
        ),
      )
    } finally {
      server.tenant.latencyMs = 0
    }
    expect(server.tenant.refusedForConcurrency).toBe(0)
    expect(server.tenant.peak).toBe(4)
  })

  it('never takes a body for whole that was cut off', async () => {
    const mailbox = freshMailbox()
    const key = put(mailbox, `Subject: long\r\n\r\n${'x'.repeat(100_000)}`)
    server.tenant.faults.arm(/\$value/, { kind: 'cut-body', after: 50_000 })
    await withSource(graphTo(server), mailbox.address, async (session) => {
      const inbox = await inboxOf(session)
      await expect(collect(session.fetch(inbox, [key], quiet))).rejects.toMatchObject({ kind: 'transient' })
      const [again] = await collect(session.fetch(inbox, [key], quiet))
      expect(again?.kind).toBe('whole')
    })
  })

  it('lists a message without a date of receipt, by when it was made', async () => {
    const mailbox = freshMailbox()
    const inbox = mailbox.folder('inbox')
    if (inbox === undefined) throw new Error('no inbox')
    const other = put(mailbox, 'Subject: 1\r\n\r\n')
    const { id, createdMs } = mailbox.add(inbox, { mime: Buffer.from('Subject: 2\r\n\r\n'), receivedMs: NaN })
    const { messages } = await withSource(graphTo(server), mailbox.address, async (session) =>
      list(session, await inboxOf(session), null),
    )
    expect([...messages.keys()].sort()).toEqual([id, other].sort())
    expect(messages.get(id)?.internalDate).toBe(Math.floor(createdMs / 1000) * 1000)
  })

  it('says of an item that Exchange cannot turn into a message that it is unreadable, and reads the others', async () => {
    const mailbox = freshMailbox()
    const keys = ['1', '2', '3', '4', '5'].map((n) => put(mailbox, `Subject: ${n}\r\n\r\n`))
    const body = {
      error: { code: 'ErrorMimeContentConversionFailed', message: 'MIME content conversion failed.' },
    }
    server.tenant.faults.arm(/\$value/, { kind: 'answer', status: 500, body })
    const answers = await withSource(graphTo(server), mailbox.address, async (session) =>
      collect(session.fetch(await inboxOf(session), keys, quiet)),
    )
    expect(answers.map(({ kind }) => kind).sort()).toEqual(['unreadable', ...Array<string>(4).fill('whole')])
  })

  it('hands a large body over with its size, and tells when it has become another', async () => {
    const mailbox = freshMailbox()
    const text = `Subject: large\r\n\r\n${'0123456789abcde\n'.repeat(20_000)}`
    const key = put(mailbox, text)
    await withSource(graphTo(server, { largeMessageBytes: 100_000 }), mailbox.address, async (session) => {
      const inbox = await inboxOf(session)
      const [fetched] = await collect(session.fetch(inbox, [key], quiet))
      if (fetched?.kind !== 'large') throw new Error('it came whole')
      expect(fetched.body.bytes).toBe(text.length)
      expect(Buffer.concat(await collect(fetched.body.open())).toString()).toBe(text)
      server.tenant.regenerates = true
      await expect(collect(fetched.body.open())).rejects.toMatchObject({ kind: 'transient', code: 'CHANGED' })
      server.tenant.regenerates = false
    })
  })

  it('asks for one new token when one is refused, and no more', async () => {
    const mailbox = freshMailbox()
    put(mailbox, 'Subject: 1\r\n\r\n')
    const tokens = tokensOf(server.tenant)
    await withSource(graphTo(server, { tokens }), mailbox.address, async (session) => {
      server.tenant.revokeTokens()
      const { messages } = await list(session, await inboxOf(session), null)
      expect(messages.size).toBe(1)
    })
    expect(tokens.asked.filter((force) => force)).toHaveLength(1)
    const bad = { token: async (): Promise<string> => 'no token' }
    await expect(graphTo(server, { tokens: bad }).openSource(mailbox.address, quiet)).rejects.toMatchObject({
      kind: 'auth',
      code: 'TOKEN_REFUSED',
    })
  })

  it('asks for one new token when one is refused within a batch, and sends the batch once more', async () => {
    const mailbox = freshMailbox()
    const key = put(mailbox, 'Subject: 1\r\n\r\n')
    const body = { error: { code: 'InvalidAuthenticationToken', message: 'Access token has expired.' } }
    for (const [times, outcome] of [
      [1, 1],
      [2, 'auth'],
    ] as const) {
      const tokens = tokensOf(server.tenant)
      await withSource(graphTo(server, { tokens }), mailbox.address, async (session) => {
        const inbox = await inboxOf(session)
        server.tenant.faults.arm(/^BATCH GET .*messages/, { kind: 'answer', status: 401, body }).times(times)
        const reading = collect(session.flags(inbox, [key], quiet)).then(
          ({ length }) => length,
          (error: unknown) => (error as SealpostError).kind,
        )
        expect(await reading).toBe(outcome)
        expect(tokens.asked.filter((force) => force)).toHaveLength(1)
      })
    }
  })

  it('says how long to stay away', async () => {
    const mailbox = freshMailbox()
    const key = put(mailbox, 'Subject: 1\r\n\r\n')
    const body = { error: { code: 'ApplicationThrottled', message: 'over its MailboxConcurrency limit' } }
    server.tenant.faults.arm(/\$value/, { kind: 'answer', status: 429, body, headers: { 'retry-after': '300' } })
    server.tenant.faults.arm(/^BATCH GET .*messages/, {
      kind: 'answer',
      status: 429,
      body,
      headers: { 'Retry-After': '7' },
    })
    await withSource(graphTo(server), mailbox.address, async (session) => {
      const inbox = await inboxOf(session)
      const reading = collect(session.fetch(inbox, [key], quiet))
      await expect(reading).rejects.toMatchObject({ kind: 'throttled', retryAfter: 300_000 })
      const flags = collect(session.flags(inbox, [key], quiet))
      await expect(flags).rejects.toMatchObject({ kind: 'throttled', retryAfter: 7_000 })
      const answers: Fetched[] = await collect(session.fetch(inbox, [key], quiet))
      expect(answers).toHaveLength(1)
    })
  })
})
