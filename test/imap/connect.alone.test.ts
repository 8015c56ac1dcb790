import { createServer } from 'node:net'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createImapConnector } from '../../connectors/imap/imap-connector.ts'
import type { ConnectedEvent } from '../../connectors/imap/config.ts'
import { pinsOf } from '../../connectors/shared/tls.ts'
import { systemClock } from '../../src/core/clock.ts'
import { issue, makeAuthority, type Authority, type Certificate } from '../servers/certificates.ts'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { startTamperingRelay, type RelayOptions } from '../servers/tampering-relay.ts'
import { ANNA, clearConnector, connectorTo, failure, quiet } from './bench.ts'
import { X509Certificate } from 'node:crypto'

const why = whyNoDovecot()

describe.skipIf(why !== null)(`connecting ${why ?? ''}`, () => {
  let server: Dovecot
  beforeAll(async () => {
    server = await startDovecot()
  })
  afterAll(async () => server.stop())

  /** Opens through a relay that shows this certificate; returns what was thrown and how often it was tried. */
  async function through(certificate: Certificate, ca: string, rest: Partial<RelayOptions> = {}) {
    const relay = await startTamperingRelay({ port: server.imapPort, tls: certificate, ...rest })
    try {
      const connector = connectorTo(server, { port: relay.port, tls: { mode: 'implicit', ca } })
      return { error: await failure(connector.openSource(ANNA, quiet)), port: relay.port, sent: relay.sent() }
    } finally {
      await relay.stop()
    }
  }

  it('says what was agreed on', async () => {
    const events: ConnectedEvent[] = []
    const session = await connectorTo(server, { onEvent: (event) => events.push(event) }).openSource(ANNA, quiet)
    await session.close()
    expect(events).toHaveLength(1)
    expect(events[0]).toMatchObject({ event: 'connected', account: ANNA, protocol: 'TLSv1.3' })
    expect(events[0]?.cipher).toContain('AES')
    expect(events[0]?.certificate).toMatch(/^[0-9a-f]{64}$/)
  })

  it('refuses a self-signed certificate and says what to set', async () => {
    const certificate = await issue(server.authority, 'selfsigned', { selfSigned: true })
    const { error, port, sent } = await through(certificate, server.ca)
    expect(error).toMatchObject({
      kind: 'config',
      message: `IMAP 127.0.0.1:${port}: its certificate is self-signed`,
    })
    expect(error.hint).toContain('tls.ca')
    expect(sent).toBe('')
  })

  it('takes a self-signed certificate that tls.ca names', async () => {
    const certificate = await issue(server.authority, 'selfsigned2', { selfSigned: true })
    const relay = await startTamperingRelay({ port: server.imapPort, tls: certificate })
    const tls = { mode: 'implicit', ca: certificate.certificate } as const
    const session = await connectorTo(server, { port: relay.port, tls }).openSource(ANNA, quiet)
    await session.close()
    await relay.stop()
  })

  it('refuses an expired certificate', async () => {
    const certificate = await issue(server.authority, 'expired', { expired: true })
    const { error, sent } = await through(certificate, server.ca)
    expect(error).toMatchObject({ kind: 'config', code: 'CERT_HAS_EXPIRED' })
    expect(sent).toBe('')
  })

  it('refuses a certificate for another host', async () => {
    const certificate = await issue(server.authority, 'elsewhere', { names: 'DNS:mail.example.test' })
    const { error, sent } = await through(certificate, server.ca)
    expect(error).toMatchObject({ kind: 'config', code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    expect(error.message).toContain('for another host')
    expect(sent).toBe('')
  })

  it('refuses an authority that is not trusted, and the public roots are not asked where tls.ca is set', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sealpost-ca-'))
    const other: Authority = await makeAuthority(folder)
    const { error } = await through(await issue(other, 'other'), server.ca)
    await rm(folder, { recursive: true })
    expect(error).toMatchObject({ kind: 'config' })
    expect(error.message).toContain('not trusted')
  })

  it('refuses a server that has TLS 1.1 only', async () => {
    const certificate = await issue(server.authority, 'old')
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    const { error } = await through({ ...certificate, options: old } as Certificate, server.ca)
    expect(error).toMatchObject({ kind: 'config' })
    expect(error.message).toContain('no TLS 1.2 or higher')
  })

  it('does not let an environment switch the check off', async () => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
    try {
      const certificate = await issue(server.authority, 'selfsigned3', { selfSigned: true })
      expect((await through(certificate, server.ca)).error.kind).toBe('config')
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    }
  })

  it('holds a pin of the certificate or of its key against what it is shown', async () => {
    const raw = new X509Certificate(await serverCertificate(server)).raw
    const pins = pinsOf(raw)
    for (const pin of [
      pins.certificate,
      pins.spki,
      Buffer.from(pins.spki, 'hex').toString('base64'),
      `sha256/${Buffer.from(pins.certificate, 'hex').toString('base64')}`,
    ]) {
      const session = await connectorTo(server, { tls: { mode: 'implicit', ca: server.ca, pin } }).openSource(
        ANNA,
        quiet,
      )
      await session.close()
    }
    const wrong = connectorTo(server, { tls: { mode: 'implicit', ca: server.ca, pin: '0'.repeat(64) } })
    expect(await failure(wrong.openSource(ANNA, quiet))).toMatchObject({ kind: 'config', code: 'PIN_MISMATCH' })
    expect(() => connectorTo(server, { tls: { mode: 'implicit', pin: 'abc' } })).toThrow('tls.pin')
  })

  it('refuses plaintext to anything but this machine, before any connection', () => {
    for (const host of ['mail.example.test', '10.0.0.1', '127.example.test', '::2']) {
      const config = {
        host,
        port: 143,
        tls: { mode: 'none' as const },
        clock: systemClock,
        loginFor: async () => Promise.reject(new Error('asked')),
      }
      expect(() => createImapConnector(config)).toThrow('without TLS is refused')
    }
  })

  it('upgrades by STARTTLS, and sends nothing but CAPABILITY and STARTTLS before', async () => {
    const relay = await startTamperingRelay({ port: server.imapPort })
    const tls = { mode: 'starttls', ca: server.ca } as const
    const session = await connectorTo(server, { port: relay.port, tls }).openSource(ANNA, quiet)
    expect(session.alive).toBe(true)
    await session.close()
    const clear = relay
      .sent()
      .split('\r\n')
      .filter((line) => /^[\x20-\x7e]+$/.test(line) && /^[0-9A-F]+ [A-Z]+$/.test(line))
    expect(clear.map((line) => line.split(' ')[1])).toEqual(['STARTTLS'])
    await relay.stop()
  })

  it('refuses when STARTTLS is stripped, and sends no login', async () => {
    const strip = (bytes: Buffer): Uint8Array =>
      Buffer.from(bytes.toString('latin1').replace(/ STARTTLS/g, ''), 'latin1')
    const relay = await startTamperingRelay({ port: server.imapPort, fromServer: strip })
    const tls = { mode: 'starttls', ca: server.ca } as const
    const error = await failure(connectorTo(server, { port: relay.port, tls }).openSource(ANNA, quiet))
    expect(error).toMatchObject({ kind: 'config', code: 'STARTTLS' })
    expect(relay.sent()).not.toMatch(/LOGIN|AUTHENTICATE/)
    await relay.stop()
  })

  it('refuses a greeting that skips STARTTLS (PREAUTH)', async () => {
    const preauth = (bytes: Buffer): Uint8Array =>
      Buffer.from(bytes.toString('latin1').replace(/^\* OK/, '* PREAUTH'), 'latin1')
    for (const mode of ['starttls', 'none'] as const) {
      const relay = await startTamperingRelay({ port: server.imapPort, fromServer: preauth })
      const tls = { mode, ca: server.ca }
      const error = await failure(connectorTo(server, { port: relay.port, tls }).openSource(ANNA, quiet))
      expect(error).toMatchObject({ kind: 'config', code: 'PREAUTH' })
      expect(relay.sent()).not.toMatch(/LOGIN|AUTHENTICATE/)
      await relay.stop()
    }
  })

  it('refuses what was slipped in before the handshake', async () => {
    const slip = (bytes: Buffer): Uint8Array => {
      const text = bytes.toString('latin1')
      return /^\S+ OK .*TLS/m.test(text)
        ? Buffer.from(`${text}* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n`, 'latin1')
        : bytes
    }
    const relay = await startTamperingRelay({ port: server.imapPort, fromServer: slip })
    const tls = { mode: 'starttls', ca: server.ca } as const
    const error = await failure(connectorTo(server, { port: relay.port, tls }).openSource(ANNA, quiet))
    expect(error.kind).toBe('config')
    expect(relay.sent()).not.toMatch(/LOGIN|AUTHENTICATE/)
    await relay.stop()
  })

  it('says clearly that nothing listens, that no TLS is spoken, that nobody answers', async () => {
    const closed = await startTamperingRelay({ port: server.imapPort })
    await closed.stop()
    const refused = await failure(connectorTo(server, { port: closed.port }).openSource(ANNA, quiet))
    expect(refused).toMatchObject({ kind: 'transient', code: 'ECONNREFUSED' })
    expect(refused.message).toBe(`IMAP 127.0.0.1:${closed.port}: nothing listens there`)
    const clear = await failure(connectorTo(server, { port: server.imapPort }).openSource(ANNA, quiet))
    expect(clear).toMatchObject({ kind: 'config' })
    expect(clear.message).toContain('does not speak TLS')
    const silent = createServer(() => undefined)
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const port = (silent.address() as { port: number }).port
    const late = await failure(clearConnector(port, 'x', { timeouts: { connect: 300 } }).openSource(ANNA, quiet))
    expect(late).toMatchObject({ kind: 'transient', message: `IMAP 127.0.0.1:${port}: no answer in time` })
    silent.close()
    const lost = await failure(connectorTo(server, { host: 'no-such-host.invalid' }).openSource(ANNA, quiet))
    expect(lost.kind).toBe('transient')
    expect(['ENOTFOUND', 'EAI_AGAIN']).toContain(lost.code)
  })

  it('stops connecting when the signal is aborted', async () => {
    const silent = createServer(() => undefined)
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const stop = new AbortController()
    const attempt = failure(
      clearConnector((silent.address() as { port: number }).port, 'x').openSource(ANNA, stop.signal),
    )
    setTimeout(() => stop.abort(), 50)
    expect((await attempt).kind).toBe('cancelled')
    silent.close()
  })
})

async function serverCertificate(server: Dovecot): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  return readFile(join(server.folder, 'tls', 'server.pem'), 'utf8')
}
