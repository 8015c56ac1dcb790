import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DestinationSession, Page, SourceSession } from '../../src/core/connector.ts'
import type { Mailbox } from '../../src/core/mail.ts'
import { isLong } from '../long.ts'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { startScriptedImap } from '../servers/scripted-imap.ts'
import {
  ANNA,
  clearConnector,
  collect,
  connectorTo,
  cursorOf,
  failure,
  message,
  messagesOf,
  quiet,
} from './bench.ts'

const why = whyNoDovecot()
const KINDS = [
  { name: 'QRESYNC', capabilities: undefined },
  { name: 'CONDSTORE', capabilities: 'LITERAL+ MULTIAPPEND UIDPLUS ENABLE CONDSTORE ESEARCH MOVE' },
  { name: 'neither', capabilities: 'LITERAL+ MULTIAPPEND UIDPLUS MOVE' },
]

describe.skipIf(why !== null).each(KINDS)(`later listings with $name ${why ?? ''}`, ({ name, capabilities }) => {
  let server: Dovecot
  let writer: DestinationSession
  let reader: SourceSession
  beforeAll(async () => {
    server = await startDovecot(capabilities === undefined ? {} : { capabilities })
    writer = await connectorTo(server).openDestination(ANNA, quiet)
    reader = await connectorTo(server).openSource(ANNA, quiet)
  })
  afterAll(async () => {
    await reader.close()
    await writer.close()
    await server.stop()
  })
  const filled = async (name: string, count: number): Promise<Mailbox> => {
    const box = await writer.ensureMailbox([name], null, quiet)
    const batch = Array.from({ length: count }, (_, n) => message(`Subject: ${n}\r\n\r\n`))
    for (let at = 0; at < count; at += 200) await writer.append(box, batch.slice(at, at + 200), quiet)
    return box
  }
  const uidsOf = (pages: readonly Page[], kind: 'expunged' | 'present'): readonly string[] =>
    pages.flatMap((page) => (page.kind === kind ? page.keys : []))

  it('tells new mail, changed flags and what has gone', async () => {
    const box = await filled('Changes', 20)
    const first = await collect(reader.listMessages(box, null, quiet))
    expect(messagesOf(first)).toHaveLength(20)
    await writer.append(box, [message('Subject: new\r\n\r\n', { flags: ['$New'] })], quiet)
    await writer.setFlags(box, [{ key: '7', add: ['\\Flagged'], remove: [] }], quiet)
    for (const uid of ['3', '12:14']) await server.doveadm('expunge', '-u', ANNA, 'mailbox', 'Changes', 'uid', uid)
    const second = await collect(reader.listMessages(box, cursorOf(first), quiet))
    expect(messagesOf(second).map(({ key, flags }) => [key, ...flags])).toEqual([['21', '$New']])
    const states = second.flatMap((page) => (page.kind === 'flags' ? page.states : []))
    expect(states.find(({ key }) => key === '7')?.flags).toEqual(['\\Flagged'])
    const end = second.at(-1)
    if (name === 'QRESYNC') {
      expect([...uidsOf(second, 'expunged')].sort()).toEqual(['12', '13', '14', '3'])
      expect(end).toMatchObject({ complete: false })
      expect(states.map(({ key }) => key)).toEqual(['7'])
    } else {
      expect(uidsOf(second, 'present')).toEqual([
        '1',
        '2',
        '4',
        '5',
        '6',
        '7',
        '8',
        '9',
        '10',
        '11',
        '15',
        '16',
        '17',
        '18',
        '19',
        '20',
      ])
      expect(end).toMatchObject({ complete: true })
    }
    if (name !== 'neither') {
      expect(await collect(reader.listMessages(box, cursorOf(second), quiet))).toMatchObject([
        { kind: 'end', complete: false },
      ])
    }
  })

  it('does not search for what has gone where the counts show that nothing has', async () => {
    const box = await filled('Grown', 3)
    const first = await collect(reader.listMessages(box, null, quiet))
    await writer.append(box, [message('Subject: new\r\n\r\n')], quiet)
    const second = await collect(reader.listMessages(box, cursorOf(first), quiet))
    expect(messagesOf(second)).toHaveLength(1)
    if (name !== 'neither') expect(second.at(-1)).toMatchObject({ complete: false })
  })

  it('a mailbox made anew is stale, and keys of the old one are refused', async () => {
    const box = await filled('Anew', 3)
    const own = connectorTo(server)
    const session = await own.openSource(ANNA, quiet)
    const pages = await collect(session.listMessages(box, null, quiet))
    await server.doveadm('mailbox', 'update', '-u', ANNA, '--uid-validity', '99', 'Anew')
    const lane = await own.openSource(ANNA, quiet)
    expect((await failure(collect(lane.fetch(box, ['1'], quiet)))).kind).toBe('stale')
    expect((await failure(collect(lane.flags(box, ['1'], quiet)))).kind).toBe('stale')
    expect(await collect(lane.listMessages(box, cursorOf(pages), quiet))).toEqual([{ kind: 'stale' }])
    expect((await failure(collect(lane.fetch(box, ['1'], quiet)))).kind).toBe('stale')
    expect(messagesOf(await collect(lane.listMessages(box, null, quiet)))).toHaveLength(3)
    expect(await collect(lane.fetch(box, ['1'], quiet))).toHaveLength(1)
    await lane.close()
    await session.close()
  })

  // It is the making of so many that takes its time: `npm run test:servers` has each kind, `npm test` one.
  const hasMany = isLong('servers') || name === 'CONDSTORE'
  if (hasMany)
    it('lists more messages than a window holds, with gaps, flat', async () => {
      const box = await filled('Windows', 6000)
      await server.doveadm('expunge', '-u', ANNA, 'mailbox', 'Windows', 'uid', '2000:3000,5001')
      const pages = await collect(reader.listMessages(box, null, quiet))
      const uids = messagesOf(pages).map(({ key }) => Number(key))
      expect(uids).toHaveLength(6000 - 1002)
      expect(new Set(uids).size).toBe(uids.length)
      expect(uids).not.toContain(5001)
      expect(
        Math.max(...pages.map((page) => (page.kind === 'messages' ? page.messages.length : 0))),
      ).toBeLessThanOrEqual(5000)
      const found = await collect(
        writer.find(box, { validity: (await writer.position(box, quiet)).validity, next: '5999' }, quiet),
      )
      expect(found.map(({ key }) => key)).toEqual(['5999', '6000'])
      expect(
        await collect(
          writer.find(box, { validity: (await writer.position(box, quiet)).validity, next: '6001' }, quiet),
        ),
      ).toEqual([])
    })
})

describe('listings of a scripted server', () => {
  it('a mailbox that says more and more instead of opening is given up', async () => {
    const server = await startScriptedImap({
      answer: ({ text }) =>
        text.startsWith('EXAMINE') ? Array<string>(10_001).fill('* OK [UIDVALIDITY 7] x') : undefined,
    })
    const session = await clearConnector(server.port, 'x').openSource('a', quiet)
    const [inbox] = await collect(session.listMailboxes(quiet))
    if (inbox === undefined) throw new Error('no inbox')
    const error = await failure(collect(session.listMessages(inbox, null, quiet)))
    expect(error).toMatchObject({ kind: 'transient', code: 'PROTOCOL' })
    await server.stop()
  })

  it('Gmail says which message of its labels is which', async () => {
    const server = await startScriptedImap({
      capabilities: 'X-GM-EXT-1 UIDPLUS',
      answer: ({ tag, text }) => {
        if (text.startsWith('EXAMINE'))
          return ['* 1 EXISTS', '* OK [UIDVALIDITY 7] x', '* OK [UIDNEXT 5] x', `${tag} OK [READ-ONLY] x`]
        if (!text.startsWith('UID FETCH')) return undefined
        expect(text).toContain('X-GM-MSGID')
        const row = 'RFC822.SIZE 5 INTERNALDATE "01-Jan-2020 00:00:00 +0000" FLAGS ()'
        return [`* 1 FETCH (X-GM-MSGID 1278455344230334865 UID 4 ${row})`, `${tag} OK done`]
      },
    })
    const session = await clearConnector(server.port, 'x').openSource('a', quiet)
    expect(session.capabilities.labels).toBe(true)
    const [inbox] = await collect(session.listMailboxes(quiet))
    if (inbox === undefined) throw new Error('no inbox')
    const [listed] = messagesOf(await collect(session.listMessages(inbox, null, quiet)))
    expect(listed).toMatchObject({ key: '4', identity: '1278455344230334865' })
    await session.close()
    await server.stop()
  })

  it('a limit on messages a command is kept, and a limited search is taken up again', async () => {
    const server = await startScriptedImap({
      capabilities: 'ESEARCH MESSAGELIMIT=4',
      answer: ({ tag, text }) => {
        if (text.startsWith('EXAMINE')) {
          return ['* 10 EXISTS', '* OK [UIDVALIDITY 7] x', '* OK [UIDNEXT 11] x', `${tag} OK [READ-ONLY] x`]
        }
        if (text === 'UID SEARCH RETURN (ALL) ALL')
          return ['* ESEARCH (TAG "1") UID ALL 5:10', `${tag} OK [MESSAGELIMIT 4 5] x`]
        if (text === 'UID SEARCH RETURN (ALL) UID 1:4 ALL')
          return ['* ESEARCH (TAG "1") UID ALL 1:4', `${tag} OK done`]
        const set = /^UID FETCH (\d+):(\d+) \(UID FLAGS/.exec(text)
        if (set === null) return undefined
        const [low, high] = [Number(set[1]), Number(set[2])]
        expect(high - low).toBeLessThan(4)
        const rows = Array.from({ length: high - low + 1 }, (_, n) => {
          return `* ${n + 1} FETCH (UID ${low + n} RFC822.SIZE 5 INTERNALDATE "01-Jan-2020 00:00:00 +0000" FLAGS (\\Seen))`
        })
        return [...rows, `${tag} OK done`]
      },
    })
    const session = await clearConnector(server.port, 'x').openSource('a', quiet)
    const [inbox] = await collect(session.listMailboxes(quiet))
    if (inbox === undefined) throw new Error('no inbox')
    const pages = await collect(session.listMessages(inbox, null, quiet))
    expect(messagesOf(pages).map(({ key }) => Number(key))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    await session.close()
    await server.stop()
  })

  it('a date that is none does not make a mailbox unreadable', async () => {
    const server = await startScriptedImap({
      answer: ({ tag, text }) => {
        if (text.startsWith('EXAMINE'))
          return ['* 2 EXISTS', '* OK [UIDVALIDITY 7] x', '* OK [UIDNEXT 3] x', `${tag} OK x`]
        if (!text.startsWith('UID FETCH')) return undefined
        const rows = ['"99-Foo-2020 00:00:00"', 'NIL'].map(
          (date, n) => `* ${n + 1} FETCH (UID ${n + 1} FLAGS () INTERNALDATE ${date} RFC822.SIZE 1)`,
        )
        return [...rows, `${tag} OK done`]
      },
    })
    const session = await clearConnector(server.port, 'x').openSource('a', quiet)
    const [inbox] = await collect(session.listMailboxes(quiet))
    if (inbox === undefined) throw new Error('no inbox')
    expect(
      messagesOf(await collect(session.listMessages(inbox, null, quiet))).map(({ internalDate }) => internalDate),
    ).toEqual([0, 0])
    await session.close()
    await server.stop()
  })
})
