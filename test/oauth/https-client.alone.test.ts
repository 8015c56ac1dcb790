import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { HttpsClient, readReply, type HttpsReply } from '../../connectors/shared/https-client.ts'
import { issue, makeAuthority } from '../servers/certificates.ts'

const PIECES = 200
const PIECE_BYTES = 64 * 1024

it('a large body leaves no listener behind for each time that it waited for room', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sealpost-https-'))
  const authority = await makeAuthority(folder)
  const certificate = await issue(authority, 'server')
  let received = 0
  const server = createServer(
    { key: readFileSync(certificate.keyFile), cert: certificate.certificate },
    (request, response) => {
      request.on('data', (piece: Buffer) => (received += piece.length))
      request.on('end', () => response.end('taken'))
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = new HttpsClient({ what: 'the service', ca: authority.certificate })
  const warnings: string[] = []
  const note = (warning: Error): void => void warnings.push(warning.message)
  process.on('warning', note)
  onTestFinished(async () => {
    process.off('warning', note)
    client.close()
    server.close()
    await rm(folder, { recursive: true, force: true })
  })
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let n = 0; n < PIECES; n++) yield Buffer.alloc(PIECE_BYTES, n)
  }
  const reply = await client.send(
    {
      method: 'PUT',
      url: new URL(`https://localhost:${(server.address() as AddressInfo).port}/`),
      headers: {},
      body: { bytes: PIECES * PIECE_BYTES, open: pieces },
    },
    new AbortController().signal,
  )
  expect((await readReply(reply, 100)).toString()).toBe('taken')
  expect(received).toBe(PIECES * PIECE_BYTES)
  // Node tells in a turn of its own.
  await new Promise((resolve) => setImmediate(resolve))
  expect(warnings.filter((text) => text.includes('ClientRequest'))).toEqual([])
})

it('an answer is read up to its limit and not beyond: what else a server sends is not waited for', async () => {
  let [asked, discarded] = [0, false]
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (; asked < 1_000; asked++) yield Buffer.alloc(10, 'x')
  }
  const reply: HttpsReply = { status: 200, headers: {}, body: endless(), discard: () => void (discarded = true) }
  await expect(readReply(reply, 29)).rejects.toMatchObject({ kind: 'transient', code: 'TOO_LONG' })
  expect([asked, discarded]).toEqual([2, true])
  async function* short(): AsyncGenerator<Uint8Array> {
    for (let n = 0; n < 3; n++) yield Buffer.alloc(10, 'x')
  }
  expect(await readReply({ ...reply, body: short() }, 30)).toHaveLength(30)
})
