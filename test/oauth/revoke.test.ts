import { createServer, type Server } from 'node:https'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createGoogleRevoker } from '../../connectors/shared/google-revoke.ts'
import { revokeGrant } from '../../src/cli/project/revoke-grant.ts'
import type { RevocationAnswer } from '../../src/core/ports.ts'
import { issue, makeAuthority, type Authority } from '../servers/certificates.ts'
import { quiet } from './stage.ts'

const TOKEN = '1//0gFirst-refresh_token'

/** RFC 7009, as Google does it: an unknown token is `invalid_token`, and a known one is known once. */
const live = new Set<string>()
const asked: { url: string; body: string }[] = []
let refusal: { status: number; body: string } | null = null
let folder = ''
let authority: Authority
let server: Server
let url = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sealpost-revoke-'))
  authority = await makeAuthority(folder)
  const { keyFile, certificateFile } = await issue(authority, 'revocation')
  server = createServer(
    { key: readFileSync(keyFile), cert: readFileSync(certificateFile) },
    (request, response) => {
      let body = ''
      request.on('data', (piece: Buffer) => (body += piece.toString('utf8')))
      request.on('end', () => {
        asked.push({ url: request.url ?? '', body })
        const known = live.delete(new URLSearchParams(body).get('token') ?? '')
        const answer =
          refusal ?? (known ? { status: 200, body: '{}' } : { status: 400, body: '{"error":"invalid_token"}' })
        response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body)
      })
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/revoke`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => {
  live.clear()
  live.add(TOKEN)
  asked.splice(0)
  refusal = null
})

function revoke(text: string, kind = 'token', ca = authority.certificate): Promise<RevocationAnswer | null> {
  return createGoogleRevoker({ url, ca }).revoke({ name: 'google', kind, text: () => text }, quiet)
}

describe('a token of Google', () => {
  it('is revoked, and sent in the body alone', async () => {
    expect(await revoke(`${TOKEN}\n`)).toMatchObject({ revoked: true })
    expect(live.size).toBe(0)
    expect(asked).toEqual([{ url: '/revoke', body: `token=${encodeURIComponent(TOKEN)}` }])
  })

  it('that was revoked before counts as revoked, and the answer says so', async () => {
    await revoke(TOKEN)
    expect(await revoke(TOKEN)).toMatchObject({ revoked: true, answer: expect.stringMatching(/before/) as string })
  })

  it.each([
    [503, 'busy', /answered 503; the client must/],
    [400, '{"error":"invalid_request"}', /answered 400 invalid_request/],
    [200 + 2, '{}', /answered 202/],
    [403, '{"error":"<b>no\\u001b[31m"}', /answered 403; the client/],
  ])('is not called revoked for an answer of %i', async (status, body, text) => {
    refusal = { status, body }
    expect(await revoke(TOKEN)).toEqual({ revoked: false, answer: expect.stringMatching(text) as string })
  })

  it('is not sent to whoever cannot show a certificate, and that is the answer', async () => {
    const answer = await revoke(TOKEN, 'token', '')
    expect(answer).toMatchObject({
      revoked: false,
      answer: expect.stringMatching(/certificate.*the client must/) as string,
    })
    expect(asked).toEqual([])
  })

  it('is given up when the command is', async () => {
    const stop = new AbortController()
    stop.abort()
    const grant = { name: 'google', kind: 'token', text: () => TOKEN }
    await expect(
      createGoogleRevoker({ url, ca: authority.certificate }).revoke(grant, stop.signal),
    ).rejects.toThrow(/interrupted/)
  })
})

it.each([
  ['password', TOKEN],
  ['service-account', '{"type":"service_account"}'],
  ['token', '0.AXoAnother-provider'],
  ['token', 'https://127.0.0.1/1//x'],
])('%s %j is none of its business', async (kind, text) => {
  expect(await revoke(text, kind)).toBeNull()
  expect(asked).toEqual([])
})

describe('a credential', () => {
  const revokers = () => [createGoogleRevoker({ url, ca: authority.certificate })]

  it('is given back where a provider takes it', async () => {
    const held = { name: 'google', kind: 'token', bytes: Buffer.from(TOKEN) } as const
    expect(await revokeGrant(held, revokers(), quiet)).toMatchObject({ revoked: true, asked: true })
  })

  it.each([
    ['password', /the client must change it/],
    ['service-account', /must delete this key.*delegation/],
    ['client-secret', /must delete this secret/],
    ['token', /no provider is known/],
  ] as const)('of kind %s that nobody takes back says what the client must do', async (kind, text) => {
    const held = { name: 'x', kind, bytes: Buffer.from('0.Axyz') }
    expect(await revokeGrant(held, revokers(), quiet)).toEqual({
      revoked: false,
      asked: false,
      answer: expect.stringMatching(text) as string,
    })
    expect(asked).toEqual([])
  })
})
