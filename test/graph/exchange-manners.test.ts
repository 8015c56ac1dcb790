import { afterEach, beforeAll, afterAll, describe, expect, it } from 'vitest'
import { createImapConnector } from '../../connectors/imap/imap-connector.ts'
import type { ImapEndConfig } from '../../connectors/imap/config.ts'
import { longestLine } from '../../connectors/imap/longest-line.ts'
import { EXCHANGE_ONLINE_MANNERS } from '../../connectors/presets/exchange-online.ts'
import type { Connector, DestinationSession } from '../../src/core/connector.ts'
import { systemClock } from '../../src/core/clock.ts'
import { collect, findMailbox, landedKeys, toNew } from '../conformance/bench.ts'
import { mailNumber } from '../conformance/corpus.ts'
import { startExchangeImap, type AppendFate, type ExchangeImap } from '../fakes/exchange-imap.ts'
import { startGraphServer, type GraphServer } from '../fakes/graph-server.ts'
import { quiet, tokensOf } from './fixture.ts'

let server: GraphServer
let door: ExchangeImap
let fate: (append: number) => AppendFate = () => null
let next = 0
beforeAll(async () => {
  server = await startGraphServer()
  door = await startExchangeImap(server.tenant, server.credentials, (append) => fate(append))
})
afterAll(async () => {
  await door.stop()
  await server.stop()
})
const sessions: DestinationSession[] = []
afterEach(async () => {
  fate = () => null
  for (const session of sessions.splice(0)) await session.close()
})

function exchange(rest: Partial<ImapEndConfig> = {}): Connector {
  const tokens = tokensOf(server.tenant, 'exchange')
  return createImapConnector({
    host: 'localhost',
    port: door.port,
    tls: { mode: 'implicit', ca: server.ca },
    clock: systemClock,
    manners: EXCHANGE_ONLINE_MANNERS,
    loginFor: async (username, signal) => ({
      username,
      authorize: null,
      secret: { token: (force) => tokens.token(username, force, signal) },
    }),
    ...rest,
  })
}

async function opened(
  connector = exchange(),
  address = `imap${next++}@contoso.example`,
): Promise<DestinationSession> {
  server.tenant.mailbox(address)
  const session = await connector.openDestination(address, quiet)
  sessions.push(session)
  return session
}

describe('IMAP with the manners of Exchange Online', () => {
  it('says what it takes before anything is sent', async () => {
    const { capabilities, naming } = await opened()
    expect(capabilities).toMatchObject({
      keepsBytes: false,
      keywords: 'none',
      lateFlags: ['\\Flagged'],
      maxLineBytes: 10_239,
      maxMessageBytes: 35 * 1024 * 1024,
    })
    expect(naming.caseSensitive).toBe(false)
  })

  it('hands the time on that the server asks for, and comes back over a new connection', async () => {
    const address = `imap${next++}@contoso.example`
    const session = await opened(exchange(), address)
    fate = (append) => (append === door.facts.appends ? 'throttle' : null)
    const inbox = await findMailbox(session, ['INBOX'])
    const [outcome] = await session.append(inbox, [toNew(mailNumber(1))], quiet)
    expect(outcome).toMatchObject({ kind: 'refused', error: { kind: 'throttled', retryAfter: 200 } })
    expect(session.alive).toBe(false)
    expect(server.tenant.mailbox(address).items.size).toBe(0)
  })

  it('leaves before the server counts ten errors', async () => {
    const address = `imap${next++}@contoso.example`
    const connector = exchange({ manners: { ...EXCHANGE_ONLINE_MANNERS, maxLineBytes: undefined } })
    const long = mailNumber(1, { body: Buffer.from(`Subject: x\r\n\r\n${'y'.repeat(11_000)}\r\n`) })
    const byes = door.facts.byes
    let opens = 0
    let session: DestinationSession | null = null
    for (let number = 0; number < 30; number++) {
      if (session?.alive !== true) {
        session = await opened(connector, address)
        opens++
      }
      const [outcome] = await session.append(await findMailbox(session, ['INBOX']), [toNew(long)], quiet)
      expect(outcome).toMatchObject({ kind: 'refused', error: { kind: 'rejected' } })
    }
    expect(opens).toBe(4)
    expect(door.facts.byes).toBe(byes)
    expect(door.facts.longestRun).toBeLessThan(10)
  })

  it('keeps a long line from the server, and says so', async () => {
    const session = await opened()
    const { appends } = door.facts
    const inbox = await findMailbox(session, ['INBOX'])
    const body = Buffer.from(`Subject: x\r\n\r\n${'y'.repeat(10_240)}\r\n`)
    const [outcome] = await session.append(inbox, [toNew(mailNumber(1, { body }))], quiet)
    expect(outcome).toMatchObject({ kind: 'refused', error: { kind: 'rejected', code: 'LONGLINE' } })
    expect(door.facts.appends).toBe(appends)
    const fits = Buffer.from(`Subject: x\r\n\r\n${'y'.repeat(10_239)}\r\n`)
    landedKeys(await session.append(inbox, [toNew(mailNumber(2, { body: fits }))], quiet))
  })

  it('shows a flag that came by APPEND to IMAP alone, and one that came by STORE to Outlook too', async () => {
    const address = `imap${next++}@contoso.example`
    const session = await opened(exchange(), address)
    const inbox = await findMailbox(session, ['INBOX'])
    const [key] = landedKeys(await session.append(inbox, [toNew(mailNumber(1, { flags: ['\\Flagged'] }))], quiet))
    const item = [...server.tenant.mailbox(address).items.values()][0]
    expect([item?.imapFlagged, item?.isFlagged]).toEqual([true, false])
    await session.setFlags(inbox, [{ key: key ?? '', add: ['\\Flagged'], remove: [] }], quiet)
    expect(item?.isFlagged).toBe(true)
  })

  it.each([
    ['none', [], ['Red', '$Junk']],
    [['Red'], ['Red'], ['$Junk']],
    ['all', ['$Junk', 'Red'], []],
  ] as const)('makes categories of the keywords that are chosen: %j', async (keywords, kept, refused) => {
    const address = `imap${next++}@contoso.example`
    const session = await opened(exchange({ manners: { ...EXCHANGE_ONLINE_MANNERS, keywords } }), address)
    const inbox = await findMailbox(session, ['INBOX'])
    const [key] = landedKeys(await session.append(inbox, [toNew(mailNumber(1))], quiet))
    const refusals = await session.setFlags(inbox, [{ key: key ?? '', add: ['Red', '$Junk'], remove: [] }], quiet)
    expect(refusals.map(({ flag }) => flag)).toEqual(refused)
    const [item] = [...server.tenant.mailbox(address).items.values()]
    expect([...(item?.categories ?? [])].sort()).toEqual(kept)
  })

  it('takes roles from its guide, and leaves out what holds no mail', async () => {
    const asked: string[] = []
    const guide = {
      mailboxes: async (account: string) => {
        asked.push(account)
        return [
          { path: ['INBOX'], specialUse: 'inbox' as const },
          { path: ['Gesendete Elemente'], specialUse: 'sent' as const },
        ]
      },
      quota: async () => ({ usedBytes: 5, limitBytes: 10 }),
    }
    const address = `imap${next++}@contoso.example`
    const connector = exchange({ guide })
    const session = await opened(connector, address)
    const listed = await collect(session.listMailboxes(quiet))
    expect(listed.map(({ path, specialUse }) => [path.join('/'), specialUse])).toEqual([
      ['INBOX', 'inbox'],
      ['Gesendete Elemente', 'sent'],
    ])
    await expect(session.ensureMailbox(['Kalender'], null, quiet)).rejects.toMatchObject({
      kind: 'rejected',
      code: 'OTHER_KIND',
    })
    await session.ensureMailbox(['Neu'], null, quiet)
    const second = await opened(connector, address)
    expect((await collect(second.listMailboxes(quiet))).map(({ path }) => path.join('/'))).toContain('Neu')
    expect(await second.quota(quiet)).toEqual({ usedBytes: 5, limitBytes: 10 })
    expect(asked).toHaveLength(1)
  })

  it.each([
    ['IMAP is disabled', { imapEnabled: false }, 'TOKEN_REFUSED', /ImapEnabled/],
    ['the mailbox has no licence', { licensed: false }, 'TOKEN_REFUSED', /ImapEnabled/],
    ['the app has no permission for it', { granted: false }, 'NOTCONNECTED', /Add-MailboxPermission/],
  ])('names what to change when %s, and keeps no other account back', async (_, state, code, hint) => {
    const address = `imap${next++}@contoso.example`
    Object.assign(server.tenant.mailbox(address), state)
    const error: unknown = await opened(exchange(), address).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ kind: 'config', code, hint: expect.stringMatching(hint) as string })
  })
})

describe('the longest line', () => {
  it('is found across pieces, whatever ends it', async () => {
    const pieces = (...parts: readonly string[]) => ({
      bytes: parts.join('').length,
      async *open() {
        for (const part of parts) yield Buffer.from(part)
      },
    })
    expect(await longestLine(Buffer.from('a\r\nbcd\r\nef'), quiet)).toBe(3)
    expect(await longestLine(Buffer.from('a\nbcdefg'), quiet)).toBe(6)
    expect(await longestLine(pieces('ab', 'cd\r', '\nx'), quiet)).toBe(4)
    expect(await longestLine(pieces('\r\n', '\r\n'), quiet)).toBe(0)
    expect(await longestLine(Buffer.from('a\rb\r\n'), quiet)).toBe(3)
  })
})
