import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { refusalOf } from '../../connectors/gmail/errors.ts'
import { errorOf, quiet } from '../conformance/bench.ts'
import { startGmail, type GmailStage } from './stage.ts'

const NOW = Date.parse('2026-11-26T12:00:00Z')

/** Answers of Google's own form, as Google documents them or its users have reported them: status, message, reason. */
const REFUSALS: readonly (readonly [string, number, string, string, object])[] = [
  ['an invalid token', 401, 'Invalid Credentials', 'authError', { kind: 'auth', code: 'HTTP_401' }],
  [
    'too many in a minute',
    403,
    "Quota exceeded for quota metric 'Queries'",
    'rateLimitExceeded',
    { kind: 'throttled', retryAfter: undefined },
  ],
  ['too many of a user', 403, 'User Rate Limit Exceeded', 'userRateLimitExceeded', { kind: 'throttled' }],
  [
    'too many in a day',
    403,
    'Daily Limit Exceeded',
    'dailyLimitExceeded',
    { kind: 'throttled', retryAfter: 3_600_000 },
  ],
  ['too many at once', 429, 'Too many concurrent requests for user', 'rateLimitExceeded', { kind: 'throttled' }],
  [
    'an instant to come back',
    429,
    'User-rate limit exceeded.  Retry after 2026-11-26T12:01:30.000Z',
    'rateLimitExceeded',
    { kind: 'throttled', retryAfter: 90_000 },
  ],
  [
    'a scope that is not enough',
    403,
    'Request had insufficient authentication scopes.',
    'insufficientPermissions',
    { kind: 'auth' },
  ],
  [
    'an API that is not enabled',
    403,
    'Gmail API has not been used in project 1 before or it is disabled.',
    'accessNotConfigured',
    { kind: 'config' },
  ],
  [
    'a policy of the domain',
    403,
    'The domain policy has disabled third-party apps',
    'domainPolicy',
    { kind: 'auth' },
  ],
  ['another user’s mailbox', 403, 'Delegation denied for a@example.test', 'forbidden', { kind: 'auth' }],
  ['a user without Gmail', 400, 'Mail service not enabled', 'failedPrecondition', { kind: 'auth' }],
  [
    'a suspended user',
    400,
    'Precondition check failed.',
    'failedPrecondition',
    { kind: 'rejected', hint: expect.stringContaining('suspended') as unknown },
  ],
  ['a full account', 403, 'The user has exceeded their storage quota.', 'storageQuotaExceeded', { kind: 'quota' }],
  ['a message that is too large', 413, 'Request is too large.', 'uploadTooLarge', { kind: 'rejected' }],
  ['a message that is gone', 404, 'Requested entity was not found.', 'notFound', { kind: 'not-found' }],
  ['an id that is none', 400, 'Invalid id value', 'invalidArgument', { kind: 'not-found' }],
  ['a label that is gone', 400, 'Invalid label: Label_3', 'invalidArgument', { kind: 'not-found' }],
  ['a reserved name', 400, 'Invalid label name', 'invalidArgument', { kind: 'rejected' }],
  ['a name that is taken', 409, 'Label name exists or conflicts', 'aborted', { kind: 'rejected' }],
  ['a service that fails', 500, 'Backend Error', 'backendError', { kind: 'transient' }],
  ['a refusal of no known kind', 403, 'No', 'odd', { kind: 'auth' }],
]

/** Answers with a header, or without a word of Google's. */
const OTHERS: readonly (readonly [string, number, string, Record<string, string>, object])[] = [
  ['seconds to wait', 429, '', { 'retry-after': '17' }, { kind: 'throttled', retryAfter: 17_000 }],
  [
    'a date to come back',
    503,
    '',
    { 'retry-after': 'Thu, 26 Nov 2026 12:00:10 GMT' },
    { kind: 'transient', retryAfter: 10_000 },
  ],
  ['a gateway that fails', 502, '<html>Bad Gateway</html>', {}, { kind: 'transient', code: 'HTTP_502' }],
  ['a redirect', 302, '', {}, { kind: 'transient' }],
]

describe('what the API answers', () => {
  it.each(REFUSALS)('%s', (_name, code, message, reason, expected) => {
    const errors = [{ message, domain: 'global', reason }]
    expectRefusal({ status: code, body: { error: { code, message, errors, status: 'X' } }, headers: {} }, expected)
  })

  it.each(OTHERS)('%s', (_name, status, body, headers, expected) => {
    expectRefusal({ status, body, headers }, expected)
  })
})

function expectRefusal(answer: Parameters<typeof refusalOf>[0], expected: object): void {
  const error = refusalOf(answer, 'reading a message', NOW)
  expect(error).toMatchObject(expected)
  expect(error.message).toMatch(/^Gmail: reading a message: /)
  if (error.kind === 'auth' || error.kind === 'config') expect(error.hint).toBeTruthy()
}

describe('opening a session', () => {
  let stage: GmailStage
  beforeAll(async () => {
    stage = await startGmail()
  })
  afterAll(() => stage.stop())

  it('says that a scope, a user or the token is wrong before anything is done', async () => {
    const { server } = stage
    server.account('a@example.test')
    const known = server.subjectOf
    server.subjectOf = (token) => (token === 'a@example.test' ? { subject: token, scope: 'openid' } : known(token))
    expect(await errorOf(stage.connector().openSource('a@example.test', quiet))).toMatchObject({
      kind: 'auth',
      hint: expect.stringMatching(/gmail\.readonly \(source\) or gmail\.modify \(destination\)/) as string,
    })
    server.subjectOf = (token) => ({ subject: token, scope: 'https://mail.google.com/' })
    expect(await errorOf(stage.connector().openSource('nobody@example.test', quiet))).toMatchObject({
      kind: 'auth',
      hint: expect.stringMatching(/licence/) as string,
    })
    const asked: boolean[] = []
    server.subjectOf = () => null
    const tokens = { token: async (_account: string, force: boolean) => (asked.push(force), 'no') }
    const error = await errorOf(stage.connector({ tokens }).openSource('a@example.test', quiet))
    expect(error).toMatchObject({ kind: 'auth', code: 'HTTP_401' })
    expect(asked).toEqual([false, true])
    server.subjectOf = known
  })

  it('trusts no certificate that it was not told to, and goes nowhere without TLS', async () => {
    expect(await errorOf(stage.connector({ ca: undefined }).openSource('a@example.test', quiet))).toMatchObject({
      kind: 'config',
    })
    expect(() => stage.connector({ endpoint: 'http://127.0.0.1/' })).toThrow(/no https address/)
  })

  it('takes a server from which no byte comes for dead as soon as it is told to', async () => {
    const { server } = stage
    server.account('slow@example.test')
    server.faults.arm(/profile/, { kind: 'late', milliseconds: 2_000 })
    const connector = stage.connector({ idleMs: 200 })
    expect(await errorOf(connector.openSource('slow@example.test', quiet))).toMatchObject({
      kind: 'transient',
      code: 'ETIMEDOUT',
    })
    expect(server.faults.complaints()).toEqual([])
  })
})
