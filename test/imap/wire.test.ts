import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { startTamperingRelay, type TamperingRelay } from '../servers/tampering-relay.ts'
import { ANNA, bytesOf, clearConnector, collect, cursorOf, message, messagesOf, quiet } from './bench.ts'

const why = whyNoDovecot()

/** What may be sent while reading an account; everything else changes something, or says who we are. */
const READING =
  /^(CAPABILITY|AUTHENTICATE PLAIN|ENABLE|NAMESPACE|LIST|LSUB|EXAMINE|STATUS|UID FETCH|UID SEARCH|GETQUOTAROOT|NOOP|LOGOUT)\b/
const WRITING = /^(SELECT|APPEND|CREATE|SUBSCRIBE|UID STORE|UID MOVE)\b/

describe.skipIf(why !== null)(`what is sent ${why ?? ''}`, () => {
  let server: Dovecot
  let relay: TamperingRelay
  beforeAll(async () => {
    server = await startDovecot({ quotaBytes: 100_000_000 })
  })
  afterAll(async () => server.stop())

  async function relayed<T>(work: () => Promise<T>): Promise<readonly string[]> {
    relay = await startTamperingRelay({ port: server.imapPort })
    try {
      await work()
      return relay.commands()
    } finally {
      await relay.stop()
    }
  }

  it('a source session sends no command that changes anything', async () => {
    const writer = await clearConnector(server.imapPort, server.password).openDestination(ANNA, quiet)
    const box = await writer.ensureMailbox(['Read me'], null, quiet)
    const nul = message('Subject: nul\r\n\r\na\0b\r\n')
    const large = message(`Subject: large\r\n\r\n${'0123456789\r\n'.repeat(30_000)}`)
    await writer.append(box, [message('Subject: 1\r\n\r\n\x80\r\n'), nul, large], quiet)
    const commands = await relayed(async () => {
      const connector = clearConnector(relay.port, server.password, { largeMessageBytes: 200_000 })
      const session = await connector.openSource(ANNA, quiet)
      for (const mailbox of await collect(session.listMailboxes(quiet))) {
        const pages = await collect(session.listMessages(mailbox, null, quiet))
        const keys = messagesOf(pages).map(({ key }) => key)
        for await (const fetched of session.fetch(mailbox, [...keys, '4000'], quiet)) {
          if (fetched.kind !== 'gone') await bytesOf(fetched)
        }
        await collect(session.flags(mailbox, keys, quiet))
        await writer.setFlags(box, [{ key: '1', add: ['\\Answered'], remove: [] }], quiet)
        await collect(session.listMessages(mailbox, cursorOf(pages), quiet))
        await collect(session.listMessages(mailbox, 'stale', quiet))
      }
      await session.quota(quiet)
      await session.close()
    })
    await writer.close()
    expect(commands.length).toBeGreaterThan(15)
    expect(commands.filter((command) => !READING.test(command))).toEqual([])
    expect(commands.filter((command) => /BODY\[|RFC822(?!\.SIZE)|BINARY\[/.test(command))).toEqual([])
  })

  it('a destination session expunges, closes and deletes nothing', async () => {
    const commands = await relayed(async () => {
      const session = await clearConnector(relay.port, server.password).openDestination(ANNA, quiet)
      const box = await session.ensureMailbox(['A', 'B'], 'archive', quiet)
      const other = await session.ensureMailbox(['C'], null, quiet)
      await session.subscribe(box, quiet)
      await session.position(box, quiet)
      await session.append(box, [message('Subject: 1\r\n\r\n1\r\n'), message('Subject: 2\r\n\r\n2\r\n')], quiet)
      await session.setFlags(box, [{ key: '1', add: ['\\Deleted', 'A-Keyword'], remove: ['\\Seen'] }], quiet)
      await collect(session.find(other, null, quiet))
      await session.move(box, ['2'], other, quiet)
      await collect(
        session.find(box, { validity: (await session.position(box, quiet)).validity, next: '1' }, quiet),
      )
      await session.position(other, quiet)
      await session.close()
    })
    expect(commands.filter((command) => !READING.test(command) && !WRITING.test(command))).toEqual([])
    expect(relay.sent()).not.toMatch(/\b(EXPUNGE|CLOSE|DELETE|UNSELECT|RENAME|COMPRESS|IDLE|STARTTLS)\b/i)
    expect(relay.sent()).not.toMatch(/^\S+ ID\b/m)
    expect(await server.doveadm('fetch', '-u', ANNA, 'uid flags', 'mailbox', 'A/B')).toMatch(/\\Deleted/)
  })

  it('a listing of a mailbox in which nothing has changed is one command', async () => {
    const session = await clearConnector(server.imapPort, server.password).openSource(ANNA, quiet)
    const [box] = (await collect(session.listMailboxes(quiet))).filter(({ path }) => path[0] === 'Read me')
    if (box === undefined) throw new Error('no mailbox')
    const cursor = cursorOf(await collect(session.listMessages(box, null, quiet)))
    await session.close()
    const commands = await relayed(async () => {
      const again = await clearConnector(relay.port, server.password).openSource(ANNA, quiet)
      expect(await collect(again.listMessages(box, cursor, quiet))).toMatchObject([
        { kind: 'end', complete: false },
      ])
      await again.close()
    })
    expect(commands.map((command) => command.split(' ')[0])).toEqual([
      'AUTHENTICATE',
      'ENABLE',
      'NAMESPACE',
      'EXAMINE',
      'LOGOUT',
    ])
  })

  it('reading what was listed is one command a listing and one a fetch, in any session of the account', async () => {
    const commands = await relayed(async () => {
      const connector = clearConnector(relay.port, server.password, { largeMessageBytes: 200_000 })
      const lister = await connector.openSource(ANNA, quiet)
      const [box] = (await collect(lister.listMailboxes(quiet))).filter(({ path }) => path[0] === 'Read me')
      if (box === undefined) throw new Error('no mailbox')
      await collect(lister.listMessages(box, null, quiet))
      const lane = await connector.openSource(ANNA, quiet)
      expect(await collect(lane.fetch(box, ['2'], quiet))).toHaveLength(1)
      expect((await collect(lane.fetch(box, ['3'], quiet)))[0]?.kind).toBe('large')
      await lane.close()
      await lister.close()
    })
    const words = commands.filter((command) => /^(EXAMINE|UID)/.test(command))
    expect(words).toEqual([
      'EXAMINE "Read me"',
      'UID FETCH 1:3 (UID FLAGS INTERNALDATE RFC822.SIZE)',
      'EXAMINE "Read me"',
      'UID FETCH 2 (UID BODY.PEEK[])',
      'UID FETCH 2 (UID BINARY.PEEK[])',
      'UID FETCH 3 (UID RFC822.SIZE)',
      expect.stringMatching(/^UID FETCH 3 \(UID BODY\.PEEK\[\]<\d+\.2>\)$/),
    ])
  })

  it('a batch is one command that waits with its last literal alone, and the next position costs none', async () => {
    const commands = await relayed(async () => {
      const session = await clearConnector(relay.port, server.password).openDestination(ANNA, quiet)
      const box = await session.ensureMailbox(['Batches'], null, quiet)
      for (let round = 0; round < 3; round++) {
        await session.position(box, quiet)
        await session.append(
          box,
          Array.from({ length: 50 }, (_, n) => message(`Subject: ${n}\r\n\r\n${'x'.repeat(9000)}\r\n`)),
          quiet,
        )
      }
      await session.close()
    })
    const words = commands.map((command) => command.split(' ')[0])
    expect(words.filter((word) => word === 'SELECT' || word === 'EXAMINE' || word === 'STATUS')).toEqual([
      'SELECT',
    ])
    expect(words.filter((word) => word === 'APPEND')).toHaveLength(3)
    expect(relay.sent().match(/\{9\d+\+\}/g)).toHaveLength(147)
    expect(relay.sent().match(/\{9\d+\}/g)).toHaveLength(3)
  })
})
