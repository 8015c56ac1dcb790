import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GraphEndConfig } from '../../connectors/graph/config.ts'
import type { DestinationSession } from '../../src/core/connector.ts'
import { digestWhole } from '../../src/core/digest.ts'
import { collect, errorOf, fetchOne, findMailbox, found, landedKeys, toNew } from '../conformance/bench.ts'
import { mailNumber } from '../conformance/corpus.ts'
import { startGraphServer, type GraphServer } from '../fakes/graph-server.ts'
import type { FakeItem } from '../fakes/m365/mailbox.ts'
import { graphTo, quiet, withSource } from './fixture.ts'

let server: GraphServer
let next = 0
beforeAll(async () => {
  server = await startGraphServer()
})
afterAll(async () => {
  expect(server.tenant.faults.complaints()).toEqual([])
  await server.stop()
})

const REBUILD = { write: { mode: 'rebuild', attachOriginal: true } } as const

async function opened(rest: Partial<GraphEndConfig> = REBUILD): Promise<{
  readonly session: DestinationSession
  readonly address: string
  readonly items: () => readonly FakeItem[]
}> {
  const mailbox = server.tenant.mailbox(`writer${next++}@contoso.example`)
  const session = await graphTo(server, rest).openDestination(mailbox.address, quiet)
  return { session, address: mailbox.address, items: () => [...mailbox.items.values()] }
}

const MAIL = [
  'From: "Müller, A." <a@example.com>'.replace('ü', '=?utf-8?Q?=C3=BC?=').replace('"', '').replace('"', ''),
  'To: b@example.com, "C" <c@example.com>',
  'Subject: =?utf-8?B?R3LDvMOfZQ==?=',
  'Date: Fri, 01 Jan 2021 10:00:00 +0000',
  'Message-ID: <rebuilt@example.com>',
  'X-Kept: yes',
  'Content-Type: multipart/mixed; boundary=b1',
  '',
  '--b1',
  'Content-Type: multipart/alternative; boundary=b2',
  '',
  '--b2',
  'Content-Type: text/plain; charset=utf-8',
  '',
  'plain',
  '--b2',
  'Content-Type: text/html; charset=iso-8859-1',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  '<p>gr=FC=DFe</p>',
  '--b2--',
  '--b1',
  'Content-Type: application/pdf; name="a.pdf"',
  'Content-Disposition: attachment; filename="a.pdf"',
  'Content-Transfer-Encoding: base64',
  '',
  Buffer.from([1, 2, 3, 250]).toString('base64'),
  '--b1--',
  '',
].join('\r\n')

describe('a folder made by Graph', () => {
  it('has no blanks at its ends: Exchange drops them, and two names would be one', async () => {
    const { session } = await opened()
    for (const level of [' Work', 'Work ', ' '])
      expect(await errorOf(session.ensureMailbox(['A', level], null, quiet)), level).toMatchObject({
        kind: 'rejected',
        message: 'mailbox name refused: a level begins or ends in a blank',
      })
  })
})

describe('a message written by Graph', () => {
  it('is no draft, has its dates, persons, text and attachments, and carries its original', async () => {
    const { session, items } = await opened()
    const inbox = await findMailbox(session, ['INBOX'])
    const mail = {
      body: Buffer.from(MAIL),
      internalDate: 1_609_500_000_000,
      flags: ['\\Seen', '\\Answered', 'Red'],
    }
    landedKeys(await session.append(inbox, [toNew(mail)], quiet))
    const [item] = items()
    expect(item).toMatchObject({
      isDraft: false,
      isRead: true,
      receivedMs: 1_609_500_000_000,
      categories: ['Red'],
    })
    expect(item?.parts).toMatchObject({
      subject: 'Grüße',
      messageId: '<rebuilt@example.com>',
      to: ['b@example.com', '"C" <c@example.com>'],
      bodyType: 'html',
      body: '<p>grüße</p>',
      headers: [{ name: 'X-Kept', value: 'yes' }],
    })
    expect(item?.properties.get('integer 0x1081')).toBe('102')
    expect(item?.attachments.map(({ name, bytes }) => [name, bytes.length])).toEqual([
      ['a.pdf', 4],
      ['original.eml', MAIL.length],
    ])
    expect(session.capabilities.keepsBytes).toBe(false)
  })

  it('is read as its original where a copy is looked for, and as it is where it is verified', async () => {
    const { session, address } = await opened()
    const inbox = await findMailbox(session, ['INBOX'])
    const mail = { body: Buffer.from(MAIL), internalDate: 0, flags: [] }
    const [key] = landedKeys(await session.append(inbox, [toNew(mail)], quiet))
    const digest = (body: Uint8Array): string => Buffer.from(digestWhole(body).digest).toString('hex')
    expect(digest(await fetchOne(session, inbox, key ?? ''))).toBe(digest(mail.body))
    const shown = await withSource(graphTo(server), address, async (source) =>
      fetchOne(source, await findMailbox(source, ['INBOX']), key ?? ''),
    )
    expect(digest(shown)).not.toBe(digest(mail.body))
  })

  it('is known again by its original however many attachments stand before it', async () => {
    const { session } = await opened()
    const inbox = await findMailbox(session, ['INBOX'])
    const part = (index: number): string =>
      `--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="${index}.pdf"\r\n\r\n${index}\r\n`
    const parts = Array.from({ length: 25 }, (_, index) => part(index)).join('')
    const head = 'From: a@example.com\r\nSubject: many\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n'
    const mail = { body: Buffer.from(`${head}${parts}--b--\r\n`), internalDate: 0, flags: [] }
    const [key] = landedKeys(await session.append(inbox, [toNew(mail)], quiet))
    const digest = (body: Uint8Array): string => Buffer.from(digestWhole(body).digest).toString('hex')
    expect(digest(await fetchOne(session, inbox, key ?? ''))).toBe(digest(mail.body))
  })

  it('goes as MIME where it is a draft among the drafts, and only there', async () => {
    const { session, items } = await opened({})
    const [drafts, inbox] = [await findMailbox(session, ['Entwürfe']), await findMailbox(session, ['INBOX'])]
    landedKeys(await session.append(drafts, [toNew(mailNumber(1, { flags: ['\\Draft'] }))], quiet))
    expect(items().map(({ isDraft, mime }) => [isDraft, mime?.toString()])).toEqual([
      [true, Buffer.from(mailNumber(1).body).toString()],
    ])
    const [refused] = await session.append(inbox, [toNew(mailNumber(2))], quiet)
    expect(refused).toMatchObject({ kind: 'refused', error: { kind: 'rejected', code: 'NO_WRITER' } })
    expect(items()).toHaveLength(1)
  })

  it('did not happen without a 201 and an id', async () => {
    const { session, items } = await opened({})
    const drafts = await findMailbox(session, ['Entwürfe'])
    server.tenant.faults.arm(/^POST .*\/messages$/, { kind: 'answer', status: 200, body: {} })
    server.tenant.faults.arm(/^POST .*\/messages$/, { kind: 'answer', status: 201, body: {} })
    for (let time = 0; time < 2; time++) {
      const [outcome] = await session.append(drafts, [toNew(mailNumber(1, { flags: ['\\Draft'] }))], quiet)
      expect(outcome).toMatchObject({ kind: 'refused', error: { kind: 'rejected', code: 'NOT_STORED' } })
    }
    expect(items()).toHaveLength(0)
  })

  it.each([
    ['lose-reply', { kind: 'lose-reply' }, 1],
    ['a gateway that gives up', { kind: 'answer', status: 504 }, 0],
    [
      'a gateway that gives up and names a time',
      { kind: 'answer', status: 504, headers: { 'retry-after': '1' } },
      0,
    ],
    [
      'a service that cannot be had and names a time',
      { kind: 'answer', status: 503, headers: { 'retry-after': '1' } },
      0,
    ],
  ] as const)('is in doubt after %s', async (_, fault, stored) => {
    const { session, items } = await opened()
    const inbox = await findMailbox(session, ['INBOX'])
    server.tenant.faults.arm(/^POST .*\/messages$/, fault)
    const [outcome] = await session.append(inbox, [toNew(mailNumber(1))], quiet)
    expect(outcome).toMatchObject({ kind: 'unknown', error: { kind: 'unknown-outcome' } })
    expect(items()).toHaveLength(stored)
    expect(await found(session, inbox, null)).toHaveLength(stored)
  })

  it('is refused as throttled, with the time, when Graph says so', async () => {
    const { session } = await opened()
    const inbox = await findMailbox(session, ['INBOX'])
    const busy = {
      error: { code: 'ErrorServerBusy', message: 'The server cannot service this request right now.' },
    }
    for (const [status, body] of [
      [429, null],
      [503, busy],
    ] as const) {
      const headers = { 'retry-after': '9' }
      server.tenant.faults.arm(/^POST .*\/messages$/, { kind: 'answer', status, body, headers })
      const [outcome] = await session.append(inbox, [toNew(mailNumber(1))], quiet)
      expect(outcome).toMatchObject({ kind: 'refused', error: { kind: 'throttled', retryAfter: 9000 } })
    }
  })
})

describe('a mark of a folder', () => {
  it('finds what came within its second, with all else of that second', async () => {
    const { session, address } = await opened()
    server.tenant.mailbox(address).now = () => 1_700_000_000_500
    const inbox = await findMailbox(session, ['INBOX'])
    landedKeys(await session.append(inbox, [toNew(mailNumber(1))], quiet))
    const mark = await session.position(inbox, quiet)
    expect(await found(session, inbox, mark)).toEqual([])
    landedKeys(await session.append(inbox, [toNew(mailNumber(2))], quiet))
    expect(await found(session, inbox, mark)).toHaveLength(2)
    expect(Number((await session.position(inbox, quiet)).next)).toBeGreaterThan(Number(mark.next))
  })
})

describe('flags by Graph', () => {
  it('are added and removed, and what has no place is refused', async () => {
    const { session } = await opened()
    const inbox = await findMailbox(session, ['INBOX'])
    const sent = mailNumber(1, { flags: ['\\Answered', '\\Seen', 'Red'] })
    const [key = ''] = landedKeys(await session.append(inbox, [toNew(sent)], quiet))
    const flags = async (): Promise<readonly string[]> =>
      (await collect(session.flags(inbox, [key ?? ''], quiet)))[0]?.flags ?? []
    const change = { key: key ?? '', add: ['\\Flagged', 'Blue'], remove: ['\\Seen', '\\Answered', 'red'] }
    for (let time = 0; time < 2; time++) {
      expect(await session.setFlags(inbox, [change], quiet)).toEqual([])
      expect(await flags()).toEqual(['Blue', '\\Flagged'])
    }
    const odd = { key: key ?? '', add: ['\\Deleted', '\\Draft', '\\Unheard'], remove: [] }
    const refusals = await session.setFlags(inbox, [odd], quiet)
    expect(refusals.map(({ flag }) => flag)).toEqual(['\\Deleted', '\\Draft', '\\Unheard'])
    expect(await flags()).toEqual(['Blue', '\\Flagged'])
  })
})

describe('a folder that is not there', () => {
  it('is an error, and no empty listing', async () => {
    const { session, address } = await opened()
    const inbox = await findMailbox(session, ['INBOX'])
    const absent = { ...inbox, name: 'AQMkAG-nothing=' }
    await expect(session.position(absent, quiet)).rejects.toMatchObject({ kind: 'not-found' })
    const [outcome] = await session.append(absent, [toNew(mailNumber(1))], quiet)
    expect(outcome).toMatchObject({ kind: 'refused', error: { kind: 'not-found' } })
    await withSource(graphTo(server), address, async (source) => {
      await expect(collect(source.listMessages(absent, null, quiet))).rejects.toMatchObject({ kind: 'not-found' })
    })
  })
})
