import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Outcome } from '../../src/core/connector.ts'
import { formatInstant } from '../../src/core/clock.ts'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { startScriptedImap } from '../servers/scripted-imap.ts'
import { ANNA, clearConnector, collect, connectorTo, failure, message, messagesOf, quiet } from './bench.ts'

const why = whyNoDovecot()
const BERT = 'bert@example.test'
const keys = (outcomes: readonly Outcome[]): (string | null)[] =>
  outcomes.map((each) => (each.kind === 'landed' ? each.key : each.kind))

describe.skipIf(why !== null)(`appending ${why ?? ''}`, () => {
  let server: Dovecot
  beforeAll(async () => {
    server = await startDovecot({ quotaBytes: 3_000_000 })
  })
  afterAll(async () => server.stop())

  it('names the keys of a batch in order, across gaps and other writers', async () => {
    const session = await connectorTo(server).openDestination(ANNA, quiet)
    const box = await session.ensureMailbox(['Keys'], null, quiet)
    expect(keys(await session.append(box, [message('Subject: 1\r\n\r\n')], quiet))).toEqual(['1'])
    expect(await session.position(box, quiet)).toMatchObject({ next: '2' })
    await server.doveadm.withInput(Buffer.from('Subject: 2\n\n'), 'save', '-u', ANNA, '-m', 'Keys')
    const batch = Array.from({ length: 200 }, (_, n) => message(`Subject: ${n}\r\n\r\n${'z'.repeat(n * 10)}\r\n`))
    const expected = Array.from({ length: 200 }, (_, n) => String(n + 3))
    expect(keys(await session.append(box, batch, quiet))).toEqual(expected)
    expect(await session.position(box, quiet)).toMatchObject({ next: '203' })
    await server.doveadm.withInput(Buffer.from('Subject: x\n\n'), 'save', '-u', ANNA, '-m', 'Keys')
    expect(await session.position(box, quiet)).toMatchObject({ next: '204' })
    await session.close()
  })

  it('a refused batch stores nothing of it, and the session goes on', async () => {
    const session = await connectorTo(server).openDestination(ANNA, quiet)
    const box = await session.ensureMailbox(['Refused'], null, quiet)
    const outcomes = await session.append(
      box,
      [message('Subject: 1\r\n\r\n'), message(''), message('Subject: 3\r\n\r\n')],
      quiet,
    )
    expect(outcomes.map(({ kind }) => kind)).toEqual(['refused', 'refused', 'refused'])
    expect(outcomes[1]).toMatchObject({ error: { kind: 'rejected' } })
    expect(await collect(session.find(box, null, quiet))).toEqual([])
    expect(keys(await session.append(box, [message('Subject: 4\r\n\r\n')], quiet))[0]).toMatch(/^\d+$/)
    await session.close()
  })

  it('a full account says quota, and how full it is', async () => {
    const session = await connectorTo(server).openDestination(BERT, quiet)
    const box = await session.ensureMailbox(['Full'], null, quiet)
    const large = message(Buffer.alloc(2_000_000, 'Subject: large '))
    expect(keys(await session.append(box, [large], quiet))).toEqual(['1'])
    expect(await session.append(box, [large], quiet)).toMatchObject([
      { kind: 'refused', error: { kind: 'quota', code: 'OVERQUOTA' } },
    ])
    const quota = await session.quota(quiet)
    expect(Math.abs((quota?.limitBytes ?? 0) - 3_000_000)).toBeLessThan(1024)
    expect(quota?.usedBytes).toBeGreaterThan(1_900_000)
    await session.close()
  })

  it('a mailbox that is not there is said to be missing', async () => {
    const session = await connectorTo(server).openDestination(ANNA, quiet)
    const box = { path: ['None'], name: 'None', specialUse: null, selectable: true, subscribed: false }
    const error = await failure(session.append(box, [message('Subject: 1\r\n\r\n')], quiet))
    expect(error.kind).toBe('not-found')
    await session.close()
  })

  it('keeps flags and keywords that the target takes, whatever is selected', async () => {
    const session = await connectorTo(server).openDestination(ANNA, quiet)
    const [inbox] = await collect(session.listMailboxes(quiet))
    const box = await session.ensureMailbox(['Flags'], null, quiet)
    if (inbox === undefined) throw new Error('no inbox')
    await collect(session.find(inbox, null, quiet))
    const flags = [
      '\\Seen',
      '\\Recent',
      '\\Foo',
      '\\Forwarded',
      '$Label1',
      'Client-Keyword',
      'bad keyword',
      'b(ad',
      'bad]',
      'grün',
      'x'.repeat(51),
      '',
    ]
    await session.append(box, [message('Subject: 1\r\n\r\n', { flags })], quiet)
    const [candidate] = await collect(session.find(box, null, quiet))
    expect(candidate?.flags).toEqual(['$Forwarded', '$Label1', 'Client-Keyword', '\\Seen'])
    await session.close()
  })

  it('stores a NUL as it is', async () => {
    const session = await connectorTo(server).openDestination(ANNA, quiet)
    const box = await session.ensureMailbox(['Nul'], null, quiet)
    await session.append(
      box,
      [
        message('Subject: a\r\n\r\n1\r\n'),
        message('Subject: b\r\n\r\n\0\r\n'),
        message('Subject: c\r\n\r\n3\r\n'),
      ],
      quiet,
    )
    const text = await server.doveadm('fetch', '-u', ANNA, 'text', 'mailbox', 'Nul')
    expect(text).toContain('\n\0')
    await session.close()
  })

  it('dates: what the server keeps is what was sent, to the second', async () => {
    const session = await connectorTo(server).openDestination(ANNA, quiet)
    const box = await session.ensureMailbox(['Dates'], null, quiet)
    const dates = [
      '1970-01-01T00:00:01Z',
      '1971-06-01T12:00:00Z',
      '1999-12-31T23:59:59Z',
      '2000-02-29T00:00:00Z',
      '2016-03-27T01:30:00Z',
      '2024-10-27T01:30:00Z',
    ]
    const batch = dates.map((date, n) =>
      message(`Subject: ${n}\r\n\r\n`, { internalDate: Date.parse(date) + 999 }),
    )
    await session.append(box, batch, quiet)
    const reader = await connectorTo(server).openSource(ANNA, quiet)
    const listed = messagesOf(await collect(reader.listMessages(box, null, quiet)))
    expect(listed.map(({ internalDate }) => formatInstant(internalDate))).toEqual(dates)
    await reader.close()
    await session.close()
  })

  it('waits for each literal where the server has no LITERAL+, and takes a refusal before one', async () => {
    for (const capabilities of ['UIDPLUS', 'UIDPLUS LITERAL-']) {
      const plain = await startDovecot({ capabilities, quotaBytes: 1_000_000 })
      const session = await connectorTo(plain).openDestination(ANNA, quiet)
      const box = await session.ensureMailbox(['Plain'], null, quiet)
      expect(session.capabilities.appendBatch.messages).toBe(1)
      for (const size of [10, 4000, 5000, 200_000]) {
        const body = `Subject: x\r\n\r\n${'y'.repeat(size)}\r\n`
        expect((await session.append(box, [message(body)], quiet))[0]?.kind).toBe('landed')
      }
      const large = message(Buffer.alloc(5_000_000, 'Subject: large\r\n'))
      expect(await session.append(box, [large], quiet)).toMatchObject([
        { kind: 'refused', error: { kind: 'quota' } },
      ])
      expect((await session.append(box, [message('Subject: after\r\n\r\n')], quiet))[0]?.kind).toBe('landed')
      await session.close()
      await plain.stop()
    }
  })
})

describe('appending to a scripted server', () => {
  const appending = async (answer: string, count: number, capabilities = 'LITERAL+ UIDPLUS MULTIAPPEND') => {
    const server = await startScriptedImap({
      capabilities,
      answer: ({ tag, text }) => (text.startsWith('APPEND') ? [answer.replace('TAG', tag)] : undefined),
    })
    const session = await clearConnector(server.port, 'x').openDestination('a', quiet)
    try {
      const [inbox] = await collect(session.listMailboxes(quiet))
      if (inbox === undefined) throw new Error('no inbox')
      return await session.append(
        inbox,
        Array.from({ length: count }, () => message('Subject: x\r\n\r\n')),
        quiet,
      )
    } finally {
      await session.close()
      await server.stop()
    }
  }

  it.each([
    ['TAG OK [APPENDUID 38505 3955:3957] x', 3, ['3955', '3956', '3957']],
    ['TAG OK [APPENDUID 38505 3955,3957:3958] x', 3, ['3955', '3957', '3958']],
    ['TAG OK [APPENDUID 38505 3955:3956] x', 3, [null, null, null]],
    ['TAG OK [APPENDUID 38505 1:4000000000] x', 3, [null, null, null]],
    ['TAG OK [APPENDUID 38505 *] x', 1, [null]],
    ['TAG OK [APPENDUID x 1] x', 1, [null]],
    ['TAG OK done', 2, [null, null]],
  ])('reads the keys of %s', async (answer, count, expected) => {
    expect(keys(await appending(answer, count))).toEqual(expected)
  })

  it.each([
    ['TAG NO [OVERQUOTA] full', 'quota'],
    ['TAG NO Mailbox is over quota', 'quota'],
    ['TAG NO Server Unavailable. 15', 'quota'],
    ['TAG NO [TRYCREATE] no mailbox', 'not-found'],
    ['TAG NO [LIMIT] x', 'throttled'],
    ['TAG NO [LIMIT] Mail size is larger than the maximum size allowed by server configuration', 'rejected'],
    ['TAG NO [INUSE] x', 'throttled'],
    ['TAG NO [UNAVAILABLE] x', 'transient'],
    ['TAG NO [SERVERBUG] x', 'transient'],
    ['TAG NO [TOOBIG] x', 'rejected'],
    ['TAG NO Maximum size of appendable message has been exceeded.', 'rejected'],
    ['TAG BAD Command Argument Error. 11', 'rejected'],
    ['TAG NO [XYZZY] a code that nobody knows', 'rejected'],
    ['TAG NO [OVERQUOTA] Account exceeded command or bandwidth limits.', 'throttled'],
    ['TAG BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds', 'throttled'],
    ['BAD a refusal without a tag', 'rejected'],
  ])('reads %s', async (answer, kind) => {
    const begun = performance.now()
    const outcomes = await appending(answer, 2)
    expect(outcomes).toMatchObject([{ kind: 'refused' }, { kind: 'refused' }])
    for (const outcome of outcomes) if (outcome.kind === 'refused') expect(outcome.error.kind).toBe(kind)
    if (answer.includes('92415')) expect(outcomes[0]).toMatchObject({ error: { retryAfter: 92_415 } })
    expect(performance.now() - begun).toBeLessThan(3000)
  })

  it('takes a refusal in the place of the go-ahead, and goes on', async () => {
    const server = await startScriptedImap({
      capabilities: 'UIDPLUS',
      answer: ({ tag, text }) => (text.startsWith('APPEND') ? [`${tag} NO [OVERQUOTA] full`] : undefined),
    })
    const session = await clearConnector(server.port, 'x').openDestination('a', quiet)
    const [inbox] = await collect(session.listMailboxes(quiet))
    if (inbox === undefined) throw new Error('no inbox')
    for (let time = 0; time < 2; time++) {
      const outcomes = await session.append(inbox, [message('Subject: never sent\r\n\r\n')], quiet)
      expect(outcomes).toMatchObject([{ kind: 'refused', error: { kind: 'quota' } }])
    }
    expect(server.commands.join('\n')).not.toContain('never sent')
    expect(session.alive).toBe(true)
    await session.close()
    await server.stop()
  })

  it('ends the session when the command ended while a literal was on its way', async () => {
    const server = await startScriptedImap({
      capabilities: 'UIDPLUS MULTIAPPEND',
      answer: ({ tag, text }, socket) => {
        if (!text.startsWith('APPEND')) return undefined
        socket.write('+ go\r\n')
        setTimeout(() => socket.write(`${tag} NO [OVERQUOTA] full\r\n`), 30)
        return null
      },
    })
    const session = await clearConnector(server.port, 'x').openDestination('a', quiet)
    const [inbox] = await collect(session.listMailboxes(quiet))
    if (inbox === undefined) throw new Error('no inbox')
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('Subject:')
      await new Promise((resolve) => setTimeout(resolve, 300))
      yield Buffer.from(' x\r\n\r\n')
    }
    const body = { bytes: 14, open: slow }
    const batch = [message('', { body }), message('Subject: 2\r\n\r\n')]
    // The refusal stands, but nobody knows what the server would make of the rest.
    expect(await session.append(inbox, batch, quiet)).toMatchObject([
      { kind: 'refused', error: { kind: 'quota' } },
      { kind: 'refused', error: { kind: 'quota' } },
    ])
    expect(session.alive).toBe(false)
    await session.close()
    await server.stop()
  })

  it('makes words of the server safe to print', async () => {
    const [outcome] = await appending('TAG NO \x1b[2Jwiped\x07 \u0085', 1)
    if (outcome?.kind !== 'refused') throw new Error('not refused')
    expect(outcome.error.serverText).toBe('[2Jwiped')
  })

  it('does not send what is announced as too large', async () => {
    const server = await startScriptedImap({ capabilities: 'LITERAL+ MULTIAPPEND APPENDLIMIT=100' })
    const session = await clearConnector(server.port, 'x').openDestination('a', quiet)
    const [inbox] = await collect(session.listMailboxes(quiet))
    if (inbox === undefined) throw new Error('no inbox')
    expect(session.capabilities.maxMessageBytes).toBe(100)
    const outcomes = await session.append(inbox, [message('x'.repeat(101)), message('Subject: x\r\n\r\n')], quiet)
    expect(outcomes).toMatchObject([
      { kind: 'refused', error: { code: 'TOOBIG' } },
      { kind: 'refused', error: { code: 'BATCH' } },
    ])
    expect(server.commands.filter((line) => line.includes('APPEND'))).toEqual([])
    await session.close()
    await server.stop()
  })

  it('says that keywords are not taken once a mailbox was seen that takes none, to all sessions of the account', async () => {
    const server = await startScriptedImap({
      answer: ({ tag, text }) =>
        text.startsWith('SELECT')
          ? [
              '* OK [UIDVALIDITY 1] x',
              '* OK [UIDNEXT 1] x',
              '* OK [PERMANENTFLAGS (\\Seen $Kept)] x',
              `${tag} OK [READ-WRITE] x`,
            ]
          : undefined,
    })
    const connector = clearConnector(server.port, 'x')
    const [one, two] = [await connector.openDestination('a', quiet), await connector.openDestination('a', quiet)]
    const [inbox] = await collect(one.listMailboxes(quiet))
    if (inbox === undefined) throw new Error('no inbox')
    expect([one.capabilities.keywords, two.capabilities.keywords]).toEqual(['any', 'any'])
    await one.position(inbox, quiet)
    expect([one.capabilities.keywords, two.capabilities.keywords]).toEqual(['none', 'none'])
    const refusals = await two.setFlags(
      inbox,
      [{ key: '1', add: ['$Kept', '$Lost', '\\Seen'], remove: [] }],
      quiet,
    )
    expect(refusals.map(({ key, flag }) => [key, flag])).toEqual([['1', '$Lost']])
    expect(server.commands.find((line) => line.includes('STORE'))).toContain(
      'UID STORE 1 +FLAGS.SILENT ($Kept \\Seen)',
    )
    await one.close()
    await two.close()
    await server.stop()
  })

  it('sends a keyword only where the target keeps it', async () => {
    const server = await startScriptedImap({
      answer: ({ tag, text }) =>
        text.startsWith('SELECT')
          ? [
              '* 0 EXISTS',
              '* OK [UIDVALIDITY 1] x',
              '* OK [PERMANENTFLAGS (\\Seen $Kept)] x',
              `${tag} OK [READ-WRITE] x`,
            ]
          : undefined,
    })
    const session = await clearConnector(server.port, 'x').openDestination('a', quiet)
    const [inbox] = await collect(session.listMailboxes(quiet))
    if (inbox === undefined) throw new Error('no inbox')
    await session.append(inbox, [message('Subject: x\r\n\r\n', { flags: ['$kept', '$Other', '\\Seen'] })], quiet)
    expect(server.commands.find((line) => line.includes('APPEND'))).toContain(
      ' ($kept \\Seen) "13-Sep-2020 12:26:40 +0000" {14+}',
    )
    await session.close()
    await server.stop()
  })
})
