import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCyrusDirectory } from '../../connectors/imap/cyrus-directory.ts'
import { createDovecotDirectory } from '../../connectors/presets/dovecot-directory.ts'
import { openEnd } from '../../src/cli/project/open-end.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { AccountDirectory } from '../../src/core/directory.ts'
import { collect, errorOf, quiet } from '../conformance/bench.ts'
import { startCyrus, whyNoCyrus, type Cyrus } from '../servers/cyrus.ts'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { freePort } from '../servers/processes.ts'
import { factsOf, type Credentials } from './fixture.ts'

const secretOf = (text: string): { text(): string } => ({ text: () => text })

describe.skipIf(whyNoDovecot())('a real Dovecot', () => {
  let server: Dovecot
  let port: number
  beforeAll(async () => {
    port = await freePort()
    const listener = `service doveadm {\n  inet_listener http {\n    port = ${port}\n    ssl = yes\n  }\n}\n`
    server = await startDovecot({ settings: `doveadm_api_key = key of the api\n${listener}` })
    await server.doveadm('mailbox', 'create', '-u', 'anna@example.test', 'Deep', 'Deep/er')
    const message = Buffer.from('Subject: x\r\n\r\nhello\r\n')
    for (const mailbox of ['INBOX', 'Deep/er']) {
      await server.doveadm.withInput(message, 'save', '-u', 'anna@example.test', '-m', mailbox)
    }
  })
  afterAll(() => server.stop())

  it('lists its users with their sizes over doveadm', async () => {
    const place = { host: '127.0.0.1', port, ca: Buffer.from(server.ca) }
    const directory = createDovecotDirectory(place, { username: null, secret: secretOf('key of the api') })
    expect(await collect(directory.listAccounts(quiet))).toEqual([
      { account: 'anna@example.test', kind: 'user', bytes: 42, suspended: false },
      { account: 'bert@example.test', kind: 'user', bytes: 0, suspended: false },
    ])
    await directory.close()
    const wrong = createDovecotDirectory(place, { username: null, secret: secretOf('wrong') })
    expect(await errorOf(collect(wrong.listAccounts(quiet)))).toMatchObject({ kind: 'auth', code: 'HTTP_401' })
    await wrong.close()
  })

  it('is told from what is no doveadm, and from one whose certificate nobody vouches for', async () => {
    const login = { username: null, secret: secretOf('key of the api') }
    const elsewhere = createDovecotDirectory({ host: '127.0.0.1', port: server.imapPort }, login)
    expect((await errorOf(collect(elsewhere.listAccounts(quiet)))).kind).toBe('config')
    const unknown = createDovecotDirectory({ host: '127.0.0.1', port }, login)
    expect((await errorOf(collect(unknown.listAccounts(quiet)))).kind).toBe('config')
    for (const each of [elsewhere, unknown]) await each.close()
  })

  it('is opened with preset: dovecot and a master user', async () => {
    const end = `{preset: dovecot, host: 127.0.0.1, port: ${server.imapPort}, tls: {mode: none}, auth: {credential: master}}`
    const credentials = { master: { username: server.masterUser, secret: server.masterPassword } }
    const facts = await factsOf(end, ['anna@example.test'], credentials)
    const session = await (await openEnd('source', facts)).openSource('anna@example.test', quiet)
    expect(session.capabilities.sessions).toBe(8)
    expect((await collect(session.listMailboxes(quiet))).map(({ path }) => path.join('/'))).toContain('Deep/er')
    await session.close()
  })
})

describe.skipIf(whyNoCyrus()).each([
  ['dots between levels', false, 'anna@example.test'],
  ['slashes between levels', true, 'anna.b@example.test'],
])('a real Cyrus with %s', (_, unixHierarchySep, anna) => {
  const accounts = [anna, 'bert@example.test']
  let server: Cyrus
  let end: string
  beforeAll(async () => {
    const users = [...accounts, 'boss@localhost']
    server = await startCyrus({ users, altNamespace: false, unixHierarchySep, admins: 'boss' })
    end = `preset: cyrus, host: 127.0.0.1, port: ${server.port}, tls: {mode: none}`
    // An inbox is made when its owner signs in for the first time.
    const own = accounts.map((account) => [`source/${account}`, { username: null, secret: server.password }])
    const facts = await factsOf(
      `{${end}, auth: {credential: per-account}}`,
      accounts,
      Object.fromEntries(own) as Credentials,
    )
    const connector = await openEnd('source', facts)
    for (const account of accounts) await (await connector.openSource(account, quiet)).close()
  })
  afterAll(() => server.stop())

  it('is opened with preset: cyrus and proxy authorization', async () => {
    const credentials = { admin: { username: 'boss', secret: server.password } }
    const facts = await factsOf(`{${end}, auth: {credential: admin}}`, accounts, credentials)
    const connector = await openEnd('source', facts)
    for (const account of accounts) {
      const session = await connector.openSource(account, quiet)
      expect((await collect(session.listMailboxes(quiet))).map(({ path }) => path)).toEqual([['INBOX']])
      await session.close()
    }
  })

  it('lists its users over IMAP, and nobody to one who is no administrator', async () => {
    const directoryOf = (username: string): AccountDirectory =>
      createCyrusDirectory({
        host: '127.0.0.1',
        port: server.port,
        tls: { mode: 'none' },
        clock: systemClock,
        loginFor: async () => ({ username, authorize: null, secret: secretOf(server.password) }),
      })
    const directory = directoryOf('boss')
    const listed = await collect(directory.listAccounts(quiet))
    expect(listed.map(({ account }) => account).sort()).toEqual(accounts)
    await directory.close()
    const other = directoryOf('bert@example.test')
    expect(await errorOf(collect(other.listAccounts(quiet)))).toMatchObject({ kind: 'config', code: 'NO_USERS' })
    await other.close()
  })
})
