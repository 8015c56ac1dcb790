import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createGoogleTokens } from '../../connectors/shared/google-tokens.ts'
import { createMicrosoftTokens } from '../../connectors/shared/microsoft-tokens.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { TokenProvider } from '../../src/core/ports.ts'
import { errorOf } from '../conformance/bench.ts'
import type { ScriptedAnswer } from '../fakes/identity-provider.ts'
import { quiet, startOauth, type OauthStage } from './stage.ts'

const SCOPE = 'https://www.googleapis.com/auth/gmail.readonly'
const ANNA = 'anna@example.test'
const GRAPH = 'https://graph.microsoft.com/.default'

let stage: OauthStage
let keyFile: string
let certificate: ReturnType<OauthStage['clientCertificate']>

beforeAll(async () => {
  stage = await startOauth()
  keyFile = stage.serviceAccount([SCOPE])
  certificate = stage.clientCertificate(30)
  stage.provider.users.add(ANNA).add('bert@example.test')
  stage.provider.applications.push({
    tenant: 'contoso.test',
    clientId: 'app-1',
    secret: 's3cret~value',
    certificates: [certificate.certificate],
  })
})
afterAll(() => stage.stop())
beforeEach(() => {
  stage.provider.asked = 0
})

function google(options: Partial<Parameters<typeof createGoogleTokens>[0]> = {}): TokenProvider {
  return createGoogleTokens({
    credential: 'google',
    serviceAccount: async () => ({ text: () => keyFile }),
    scopes: [SCOPE],
    clock: systemClock,
    tokenUrl: `${stage.provider.url}/token`,
    ca: stage.authority.certificate,
    ...options,
  })
}

function microsoft(
  secret: string,
  options: Partial<Parameters<typeof createMicrosoftTokens>[0]> = {},
): TokenProvider {
  return createMicrosoftTokens({
    tenant: 'contoso.test',
    clientId: 'app-1',
    credential: 'microsoft',
    secret: async () => ({ text: () => secret }),
    scope: GRAPH,
    clock: systemClock,
    authority: stage.provider.url,
    ca: stage.authority.certificate,
    ...options,
  })
}

describe('tokens of a Google service account', () => {
  it('speak for one user each, and are kept', async () => {
    const tokens = google()
    const first = await tokens.token(ANNA, false, quiet)
    expect(await tokens.token(ANNA, false, quiet)).toBe(first)
    const other = await tokens.token('bert@example.test', false, quiet)
    expect(stage.provider.subjectOf(first)).toMatchObject({ subject: ANNA, scope: SCOPE })
    expect(stage.provider.subjectOf(other)).toMatchObject({ subject: 'bert@example.test' })
    expect(stage.provider.asked).toBe(2)
  })

  it('are asked for where they are said to be, over TLS that is verified', async () => {
    expect(await errorOf(google({ ca: undefined }).token(ANNA, false, quiet))).toMatchObject({
      kind: 'config',
      hint: 'set tls.ca to that authority',
    })
    const plain = google({ tokenUrl: `${stage.provider.plainUrl}/token` })
    expect(await errorOf(plain.token(ANNA, false, quiet))).toMatchObject({ kind: 'config', code: 'PLAINTEXT' })
    expect(stage.provider.asked).toBe(0)
  })

  it('take no way through a proxy that the environment names', async () => {
    const before = process.env['HTTPS_PROXY']
    process.env['HTTPS_PROXY'] = 'http://127.0.0.1:9'
    try {
      expect(await google().token(ANNA, false, quiet)).toMatch(/^t-/)
      expect(await microsoft('s3cret~value').token(ANNA, false, quiet)).toMatch(/^t-/)
    } finally {
      if (before === undefined) delete process.env['HTTPS_PROXY']
      else process.env['HTTPS_PROXY'] = before
    }
  })

  it.each([
    [
      'a scope that is not delegated',
      () => google({ scopes: ['https://mail.google.com/'] }),
      'auth',
      /Domain-wide delegation, client 1234567890/,
    ],
    [
      'a key file that is none',
      () => google({ serviceAccount: async () => ({ text: () => '{"type":"x"}' }) }),
      'config',
      /credentials set google --kind service-account/,
    ],
    [
      'a key file whose key is cut short',
      () =>
        google({
          serviceAccount: async () => ({
            text: () => keyFile.replace(/(BEGIN PRIVATE KEY-----.{40})[^"]*/, '$1'),
          }),
        }),
      'config',
      /credentials set google --kind service-account/,
    ],
    [
      'a key of another account',
      () => google({ serviceAccount: async () => ({ text: () => foreignKey() }) }),
      'auth',
      /make a new key/,
    ],
    [
      'a clock that is wrong',
      () => google({ tokenUrl: `${stage.provider.url}/token?` }),
      'config',
      /set the clock/,
    ],
  ])('say what to change for %s', async (_name, provider, kind, hint) => {
    const error = await errorOf(provider().token(ANNA, false, quiet))
    expect(error).toMatchObject({ kind })
    expect(error.hint).toMatch(hint)
    expect(error.message.includes('\n')).toBe(false)
    expect(JSON.stringify([error.message, error.hint, error.serverText])).not.toMatch(/PRIVATE KEY|assertion/)
  })

  it('say which user there is not', async () => {
    const error = await errorOf(google().token('nobody@example.test', false, quiet))
    expect(error).toMatchObject({ kind: 'auth', code: 'NO_USER' })
    expect(error.message).toContain('nobody@example.test')
  })
})

describe('tokens of a Microsoft application', () => {
  it('come for a secret and for a certificate, one for all accounts', async () => {
    for (const secret of ['s3cret~value', `s3cret~value\n`, certificate.both]) {
      const tokens = microsoft(secret)
      const first = await tokens.token(ANNA, false, quiet)
      expect(await tokens.token('bert@example.test', false, quiet)).toBe(first)
      expect(stage.provider.subjectOf(first)?.scope).toContain(GRAPH)
    }
    expect(stage.provider.asked).toBe(3)
  })

  it.each([
    ['a wrong tenant', () => microsoft('s3cret~value', { tenant: 'fabrikam.test' }), 'config', /auth\.tenant/],
    ['a wrong application', () => microsoft('s3cret~value', { clientId: 'app-2' }), 'config', /auth\.client_id/],
    ['a wrong secret', () => microsoft('wrong'), 'auth', /the value of the secret and not its id/],
    [
      'a wrong scope',
      () => microsoft('s3cret~value', { scope: 'https://graph.microsoft.com/Mail.Read' }),
      'config',
      /auth\.scope/,
    ],
    [
      'a certificate that was not uploaded',
      () => microsoft(stage.clientCertificate(30).both),
      'auth',
      /upload it/,
    ],
    [
      'a certificate that has expired',
      () => microsoft(stage.clientCertificate(-1).both),
      'auth',
      /upload a new one/,
    ],
    [
      'a certificate without its key',
      () => microsoft(certificate.certificate),
      'config',
      /PEM with the certificate and its private key/,
    ],
    [
      'a key of another certificate',
      () => microsoft(stage.clientCertificate(30).key + certificate.certificate),
      'config',
      /PEM/,
    ],
  ])('say what to change for %s', async (_name, provider, kind, hint) => {
    const error = await errorOf(provider().token(ANNA, false, quiet))
    expect(error).toMatchObject({ kind })
    expect(error.hint).toMatch(hint)
    expect(JSON.stringify([error.message, error.serverText])).not.toMatch(/PRIVATE KEY|s3cret/)
  })

  it.each<[string, ScriptedAnswer, object]>([
    ['missing consent', aadsts(65001, 'invalid_grant'), { kind: 'auth', code: 'NO_CONSENT' }],
    ['an expired secret', aadsts(7000222, 'invalid_client'), { kind: 'auth', code: 'SECRET_EXPIRED' }],
    ['Conditional Access', aadsts(53003, 'access_denied'), { kind: 'auth', code: 'CONDITIONAL_ACCESS' }],
    ['an unknown refusal', aadsts(1, 'odd'), { kind: 'auth', code: 'odd' }],
    ['a page instead of JSON', { status: 403, body: '<html>no</html>' }, { kind: 'auth', code: 'HTTP_403' }],
    [
      'throttling',
      { status: 429, body: {}, headers: { 'retry-after': '7' } },
      { kind: 'throttled', retryAfter: 7000 },
    ],
    ['a service that is ill', { status: 503, body: 'down' }, { kind: 'transient', code: 'HTTP_503' }],
    [
      'an answer without a token',
      { status: 200, body: { token_type: 'Bearer', expires_in: 3600 } },
      { kind: 'transient', code: 'NO_TOKEN' },
    ],
    [
      'an answer with an empty one',
      { status: 200, body: { token_type: 'Bearer', expires_in: 3600, access_token: '' } },
      { kind: 'transient', code: 'NO_TOKEN' },
    ],
  ])('tell %s', async (_name, answer, expected) => {
    stage.provider.script.push(answer)
    expect(await errorOf(microsoft('s3cret~value').token(ANNA, false, quiet))).toMatchObject(expected)
    expect(stage.provider.asked).toBe(1)
  })
})

function aadsts(code: number, error: string): ScriptedAnswer {
  return { status: 400, body: { error, error_description: `AADSTS${code}: words. Trace ID: 0` } }
}

function foreignKey(): string {
  const mine = JSON.parse(keyFile) as Record<string, unknown>
  const other = JSON.parse(stage.serviceAccount([SCOPE])) as Record<string, unknown>
  return JSON.stringify({ ...mine, private_key: other['private_key'] })
}
