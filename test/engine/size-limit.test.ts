import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Connector } from '../../src/core/connector.ts'
import { ANNA, clearConnector } from '../imap/bench.ts'
import { startCyrus, whyNoCyrus } from '../servers/cyrus.ts'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { Fixture, mail, nonZero, openFindings } from './fixture.ts'

const LIMIT_BYTES = 20_000
const SETTINGS = `
mail_plugins = quota
plugin {
  quota = maildir:User quota
  quota_max_mail_size = ${LIMIT_BYTES}B
}`

/** Thirty small messages, and two that are above the limit; one of them has a keyword, which may be why one is refused. */
function filled(destination: Connector): Fixture {
  const fixture = new Fixture()
  const { source } = fixture.connectors()
  fixture.connectors = () => ({ source, destination })
  const large = 'x'.repeat(70).concat('\r\n').repeat(400)
  for (let i = 0; i < 30; i++) fixture.source.account(ANNA).add(['INBOX'], mail(`m${i}`))
  fixture.source.account(ANNA).add(['INBOX'], mail(large, 'large@example.com'), { flags: ['Work'] })
  fixture.source.account(ANNA).add(['INBOX'], mail(large, 'as-large@example.com'))
  return fixture
}

const reasonsOf = (fixture: Fixture) => fixture.ledger.exceptions(null, 0, 10).map(({ reason }) => reason)

/** Takes the limit away for sessions that are opened from now on. */
async function raise(server: Dovecot): Promise<void> {
  const file = join(server.folder, 'users')
  const users = await readFile(file, 'utf8')
  await writeFile(file, users.replaceAll(/:*$/gm, '::userdb_quota_max_mail_size=0'))
  // The server looks at the file once a second; bounded, so that one that never sees it fails the test below.
  for (let attempt = 0; attempt < 50; attempt++) {
    if ((await server.doveadm('user', ANNA)).includes('quota_max_mail_size')) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

describe('a message above the limit of the destination is an exception, and the others arrive', () => {
  it.skipIf(whyNoDovecot() !== null)('Dovecot, which says so when it is sent', async () => {
    const server = await startDovecot({ settings: SETTINGS })
    try {
      const fixture = filled(clearConnector(server.imapPort, server.password))
      const { totals, pairs } = await fixture.run(fixture.pairs(ANNA))
      expect(pairs[0]?.error).toBeNull()
      expect(nonZero(totals)).toEqual({ source: 32, landed: 30, quarantined: 2 })
      const refused = {
        code: 'refused',
        serverText: expect.stringContaining('Mail size is larger than') as string,
      }
      expect(reasonsOf(fixture)).toMatchObject([refused, refused])
      // No time makes it smaller.
      expect(fixture.events.filter(({ event }) => event === 'waiting')).toEqual([])

      await raise(server)
      expect(fixture.ledger.requeue(1, null)).toBe(2)
      expect(nonZero((await fixture.run(fixture.pairs(ANNA))).totals)).toEqual({ source: 32, landed: 32 })
      expect(openFindings(await fixture.verify('full', fixture.pairs(ANNA)))).toEqual([])
    } finally {
      await server.stop()
    }
  })

  it.skipIf(whyNoCyrus() !== null)('Cyrus, which says so beforehand (APPENDLIMIT)', async () => {
    const server = await startCyrus({
      users: [ANNA],
      altNamespace: true,
      settings: `maxmessagesize: ${LIMIT_BYTES}`,
    })
    try {
      const fixture = filled(clearConnector(server.port, server.password))
      const { totals, pairs } = await fixture.run(fixture.pairs(ANNA))
      expect(pairs[0]?.error).toBeNull()
      expect(nonZero(totals)).toEqual({ source: 32, landed: 30, skipped: 2 })
      const text = expect.stringContaining(`at most ${LIMIT_BYTES}`) as string
      const tooLarge = { code: 'too-large', text, serverText: null }
      expect(reasonsOf(fixture)).toEqual([tooLarge, tooLarge])
    } finally {
      await server.stop()
    }
  })

  it('is moved by `retry` once the limit that was said beforehand is raised, and skipped again before', async () => {
    const fixture = new Fixture()
    for (const text of ['a', 'b', 'x'.repeat(500)]) fixture.alice.add(['INBOX'], mail(text))
    fixture.destinationOptions = { capabilities: { maxMessageBytes: 300 } }
    for (let time = 0; time < 2; time++) {
      expect(nonZero((await fixture.run()).totals)).toEqual({ source: 3, landed: 2, skipped: 1 })
      expect(reasonsOf(fixture)[0]?.code).toBe('too-large')
      expect(fixture.ledger.requeue(1, null)).toBe(1)
    }
    fixture.destinationOptions = {}
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 3, landed: 3 })
    expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
  })
})
