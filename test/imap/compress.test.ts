import type { Socket } from 'node:net'
import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { startScriptedImap, type ScriptedServer } from '../servers/scripted-imap.ts'
import { startTamperingRelay } from '../servers/tampering-relay.ts'
import { ANNA, bytesOf, clearConnector, collect, failure, message, messagesOf, quiet } from './bench.ts'

const why = whyNoDovecot()
const TEXT = `Subject: long\r\n\r\n${'The same words again and again, as in most mail. \r\n'.repeat(40_000)}`
const AWKWARD = Buffer.concat([
  Buffer.from('Subject: bytes\r\n\r\n'),
  // Every byte that is no line end and no NUL, in an order that does not repeat.
  Buffer.from(Array.from({ length: 70_000 }, (_, i) => 0x20 + ((i * i * 7919) % 0xdf))),
  Buffer.from('\r\n'),
])

/** A server that agrees to compress, and then does what `begin` has it do. */
function startCompressing(begin: (socket: Socket) => void): Promise<ScriptedServer> {
  return startScriptedImap({
    capabilities: 'COMPRESS=DEFLATE',
    answer: ({ tag, text }, socket) => {
      if (!text.startsWith('COMPRESS')) return undefined
      socket.write(`${tag} OK begins\r\n`)
      begin(socket)
      return null
    },
  })
}

describe.skipIf(why !== null)(`COMPRESS=DEFLATE ${why ?? ''}`, () => {
  let server: Dovecot
  beforeAll(async () => {
    server = await startDovecot({ settings: 'protocol imap {\n  mail_plugins = imap_zlib\n}' })
  })
  afterAll(async () => server.stop())

  /** Stores both messages through a relay and reads them back; what the relay carried, and what was read. */
  async function thereAndBack(compress: boolean | undefined, path: string) {
    let carried = 0
    const count = (bytes: Buffer): Buffer => {
      carried += bytes.length
      return bytes
    }
    const relay = await startTamperingRelay({ port: server.imapPort, fromClient: count, fromServer: count })
    try {
      const connector = clearConnector(relay.port, server.password, { compress })
      const destination = await connector.openDestination(ANNA, quiet)
      const box = await destination.ensureMailbox([path], null, quiet)
      const outcomes = await destination.append(box, [message(TEXT), message(AWKWARD)], quiet)
      await destination.close()
      const source = await connector.openSource(ANNA, quiet)
      const keys = messagesOf(await collect(source.listMessages(box, null, quiet))).map(({ key }) => key)
      const fetched = await collect(source.fetch(box, keys, quiet))
      await source.close()
      return { carried, outcomes, bodies: await Promise.all(fetched.map(bytesOf)), commands: relay.commands() }
    } finally {
      await relay.stop()
    }
  }

  it('carries the same bytes in a fraction of the room', async () => {
    const plain = await thereAndBack(undefined, 'Plain')
    const small = await thereAndBack(true, 'Small')
    for (const { outcomes, bodies } of [plain, small]) {
      expect(outcomes.map(({ kind }) => kind)).toEqual(['landed', 'landed'])
      expect(bodies.map((body) => body.length)).toEqual([TEXT.length, AWKWARD.length])
      expect(bodies[0]?.equals(Buffer.from(TEXT, 'latin1'))).toBe(true)
      expect(bodies[1]?.equals(AWKWARD)).toBe(true)
    }
    expect(plain.commands.some((line) => line.includes('COMPRESS'))).toBe(false)
    expect(small.carried).toBeLessThan(plain.carried / 10)
  })

  it('goes without where the server does not have it, or refuses it', async () => {
    const without = await startScriptedImap()
    await (await clearConnector(without.port, 'x', { compress: true }).openSource('a', quiet)).close()
    expect(without.commands.some((line) => line.includes('COMPRESS'))).toBe(false)
    await without.stop()
    const refusing = await startScriptedImap({
      capabilities: 'COMPRESS=DEFLATE',
      answer: ({ tag, text }) => (text.startsWith('COMPRESS') ? [`${tag} NO not today`] : undefined),
    })
    const session = await clearConnector(refusing.port, 'x', { compress: true }).openSource('a', quiet)
    expect((await collect(session.listMailboxes(quiet))).map(({ name }) => name)).toEqual(['INBOX'])
    await session.close()
    await refusing.stop()
  })

  it('ends a stream that grows beyond all that mail does, and does not compress again', async () => {
    const hostile = await startCompressing((socket) => {
      socket.removeAllListeners('data')
      const deflate = createDeflateRaw({ level: 9, flush: constants.Z_SYNC_FLUSH })
      deflate.pipe(socket)
      const inflate = createInflateRaw().on('data', () => deflate.write(Buffer.alloc(48 << 20, 'a')))
      inflate.on('error', () => undefined)
      socket.pipe(inflate)
    })
    const connector = clearConnector(hostile.port, 'x', { compress: true })
    expect(await failure(connector.openSource('a', quiet))).toMatchObject({ kind: 'transient', code: 'INFLATED' })
    const session = await connector.openSource('a', quiet)
    expect((await collect(session.listMailboxes(quiet))).map(({ name }) => name)).toEqual(['INBOX'])
    expect(hostile.commands.filter((line) => line.includes('COMPRESS'))).toHaveLength(1)
    await session.close()
    await hostile.stop()
  })

  it('a stream that is no deflate is a lost connection, not a crash', async () => {
    const broken = await startCompressing((socket) => {
      setTimeout(() => socket.write(Buffer.alloc(64, 0xff)), 50)
    })
    const connector = clearConnector(broken.port, 'x', { compress: true })
    expect(await failure(connector.openSource('a', quiet))).toMatchObject({
      kind: 'transient',
      code: 'COMPRESSION',
    })
    await broken.stop()
  })
})
