import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { issue, makeAuthority, type Authority, type Certificate } from '../servers/certificates.ts'
import { isDovecotInstalled, startDovecot, type Dovecot } from '../servers/dovecot.ts'
import { Place, type Ended } from './program.ts'

const KEY_FILE = JSON.stringify({
  type: 'service_account',
  client_email: 'mover@project.example',
  private_key: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
})

let place: Place
let tls: string
let authority: Authority
const servers: Server[] = []

beforeAll(async () => {
  place = await Place.open()
  tls = await mkdtemp(join(tmpdir(), 'sealpost-tls-'))
  authority = await makeAuthority(tls)
  await place.init()
  await place.run(['credentials', 'import', '--fd', '3'], {
    third: 'side,account,secret\nsource,anna,wrong password\n',
  })
})
afterAll(async () => {
  for (const server of servers) server.close()
  await place.close()
  await rm(tls, { recursive: true, force: true })
})

async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** A server that shows a certificate and greets; nobody gets further. */
async function greeter(certificate: Certificate, options: TlsOptions = {}): Promise<number> {
  const key = await readFile(certificate.keyFile)
  const server = createTlsServer({ key, cert: certificate.certificate, ...options }, (socket) => {
    socket.on('error', () => undefined)
    socket.write('* OK ready\r\n')
  })
  server.on('tlsClientError', () => undefined)
  return listen(server)
}

/** Writes a project with an IMAP source. */
async function configure(
  host: string,
  port: number,
  security: string,
  auth = 'credential: per-account',
): Promise<void> {
  await place.configure(
    `version: 1
client: Beispiel GmbH
source:
  kind: imap
  host: ${host}
  port: ${port}
  tls: { ${security} }
  auth: { mode: password, ${auth} }
destination: { kind: maildir, path: "new/{account}" }
`,
    'source,destination\nanna,anna\n',
  )
}

/** Plans with a source on this machine and tells how it ended. */
async function plan(
  port: number,
  change: { host?: string; tls?: string } = {},
): Promise<Ended & { told: string }> {
  await writeFile(join(place.project, 'ca.pem'), authority.certificate)
  await configure(change.host ?? '127.0.0.1', port, change.tls ?? 'mode: implicit, ca: ca.pem')
  const ended = await place.run(['plan', '--json'])
  const [account] = (JSON.parse(ended.stdout) as { accounts: readonly { error: { message: string } | null }[] })
    .accounts
  // Where nobody answers it is tried again for some seconds, and said so once.
  expect(ended.stderr).toMatch(
    /^(?:sealpost: warning: [^\n]+; trying again\n)?sealpost: warning: anna: [^\n]+\n(?: {2}server: [^\n]+\n)?$/,
  )
  return { ...ended, told: account?.error?.message ?? '' }
}

describe('each trouble with a server is one clear line', () => {
  it('a host that does not exist', async () => {
    const { exitCode, told } = await plan(993, { host: 'no-such-host.invalid' })
    expect(exitCode).toBeGreaterThan(0)
    expect(told).toContain('no-such-host.invalid')
  })

  it('a port where nobody listens', async () => {
    const port = await listen(createTcpServer())
    servers.pop()?.close()
    const { exitCode, told } = await plan(port)
    expect(exitCode).toBe(1)
    expect(told).toContain(`127.0.0.1:${port}`)
  })

  it('an expired certificate', async () => {
    const { exitCode, told } = await plan(await greeter(await issue(authority, 'expired', { expired: true })))
    expect(exitCode).toBe(2)
    expect(told).toMatch(/expired/)
  })

  it('a self-signed certificate', async () => {
    const { exitCode, told } = await plan(await greeter(await issue(authority, 'self', { selfSigned: true })))
    expect(exitCode).toBe(2)
    expect(told).toMatch(/certificate/)
  })

  it('a certificate for another name', async () => {
    const { exitCode, told } = await plan(
      await greeter(await issue(authority, 'named', { names: 'DNS:example.org' })),
    )
    expect(exitCode).toBe(2)
    expect(told).toMatch(/another host/)
  })

  it('a certificate that is not the pinned one', async () => {
    const port = await greeter(await issue(authority, 'pinned'))
    const { exitCode, told } = await plan(port, { tls: `mode: implicit, ca: ca.pem, pin: ${'ab'.repeat(32)}` })
    expect(exitCode).toBe(2)
    expect(told).toMatch(/pin/)
  })

  it('a server that speaks TLS 1.1 at most', async () => {
    const certificate = await issue(authority, 'old')
    const port = await greeter(certificate, {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    })
    const { exitCode, told } = await plan(port)
    expect(exitCode).toBe(2)
    expect(told).toMatch(/TLS 1\.2/)
  })

  it('a file of certificates that is not there, before any connection', async () => {
    await configure('127.0.0.1', 993, 'mode: implicit, ca: missing.pem')
    const { exitCode, stderr } = await place.run(['plan'])
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/^sealpost: cannot read the certificates in .*missing\.pem: there is no such file/)
  })

  it('a file of certificates that holds none', async () => {
    await writeFile(join(place.project, 'junk.pem'), 'hello\n')
    await configure('127.0.0.1', 993, 'mode: implicit, ca: junk.pem')
    const { exitCode, stderr } = await place.run(['plan'])
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/^sealpost: \S*junk\.pem holds no certificate\. tls\.ca names a PEM file/)
  })

  it('a credential of a kind that opens nothing there, before any connection', async () => {
    await place.keep('box', 'service-account', KEY_FILE)
    await configure('127.0.0.1', 993, 'mode: implicit', 'credential: box')
    const { exitCode, stderr } = await place.run(['plan'])
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(
      /^sealpost: credential "box" is a service-account, which does not open the source\. .*\(password\)/,
    )
  })

  it.each([
    ['service-account', '{"type":"service_account"}', 'is no key file of a Google service account'],
    ['service-account', '{nope', 'is no key file of a Google service account'],
    ['client-certificate', 'a secret\n', 'holds no certificate'],
  ])('a %s that is none replaces no good one: %s', async (kind, content, words) => {
    const file = join(place.folder, 'bad.secret')
    await writeFile(file, content, { mode: 0o600 })
    await place.keep('good', 'service-account', KEY_FILE)
    const before = await place.run(['credentials', 'list', '--json'])
    const refused = await place.run(['credentials', 'set', 'good', '--kind', kind, '--secret-file', file])
    expect(refused).toMatchObject({ exitCode: 2, stdout: '' })
    expect(refused.stderr).toContain(`credential "good" ${words}`)
    expect(await place.run(['credentials', 'list', '--json'])).toEqual(before)
  })
})

describe.skipIf(!isDovecotInstalled())('against Dovecot', () => {
  let dovecot: Dovecot

  beforeAll(async () => {
    dovecot = await startDovecot({ users: ['anna'] })
  })
  afterAll(async () => {
    await dovecot.stop()
  })

  async function configureDovecot(auth: string): Promise<void> {
    await writeFile(join(place.project, 'ca.pem'), dovecot.ca)
    await configure('127.0.0.1', dovecot.imapsPort, 'mode: implicit, ca: ca.pem', auth)
  }

  it('a wrong password is an auth failure, and the password stays out of every word', async () => {
    await configureDovecot('credential: per-account')
    const { exitCode, stdout, stderr } = await place.run(['plan', '--json'])
    expect(exitCode).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ accounts: [{ error: { kind: 'auth' } }] })
    expect(stderr).toContain(
      'check user name and secret of the source, then: sealpost credentials set source/anna',
    )
    expect(stdout + stderr).not.toContain('wrong password')
  })

  it('an admin opens the account by username template', async () => {
    await configureDovecot('credential: boss, username: "{account}*{admin}"')
    const noName = await place.run(['credentials', 'set', 'boss', '--secret-fd', '3'], {
      third: dovecot.masterPassword,
    })
    expect(noName.exitCode).toBe(0)
    const without = await place.run(['plan', '--json'])
    expect(without.exitCode).toBe(2)
    expect(without.stderr).toContain('credential "boss" has no username for {admin}')
    await place.run(['credentials', 'set', 'boss', '--username', dovecot.masterUser, '--secret-fd', '3'], {
      third: dovecot.masterPassword,
    })
    const good = await place.run(['plan', '--json'])
    expect(good).toMatchObject({ exitCode: 0, stderr: '' })
    expect(JSON.parse(good.stdout)).toMatchObject({
      accounts: [{ error: null, mailboxes: [{ source: 'INBOX' }] }],
    })
  })

  it('and by SASL authorization identity', async () => {
    await configureDovecot('credential: boss, username: "{admin}", authorize: "{account}"')
    expect(await place.run(['plan', '--json'])).toMatchObject({ exitCode: 0, stderr: '' })
  })

  it('an expired credential is told before any connection', async () => {
    await place.run(['credentials', 'set', 'boss', '--expires', '1s', '--username', 'x', '--secret-fd', '3'], {
      third: 'x',
    })
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const { exitCode, stderr } = await place.run(['plan'])
    expect(exitCode).toBe(2)
    expect(stderr).toBe('sealpost: expired credentials: "boss". Set them anew with sealpost credentials set.\n')
  })
})
