import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createCpanelDirectory } from '../../connectors/presets/cpanel-directory.ts'
import { createZimbraDirectory } from '../../connectors/presets/zimbra-directory.ts'
import type { AccountDirectory, ListedAccount } from '../../src/core/directory.ts'
import type { SealpostError } from '../../src/core/errors.ts'
import { collect, errorOf, quiet } from '../conformance/bench.ts'
import { FakeCpanel, FakeZimbra } from '../fakes/admin-apis.ts'
import type { HttpFault } from '../fakes/http-faults.ts'
import { issue, makeAuthority, type Certificate } from '../servers/certificates.ts'

let folder: string
let certificate: Certificate
let ca: Buffer
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'directories-'))
  const authority = await makeAuthority(folder)
  ca = Buffer.from(authority.certificate)
  certificate = await issue(authority, 'server')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const secretOf = (text: string): { text(): string } => ({ text: () => text })

async function listed(directory: AccountDirectory): Promise<readonly ListedAccount[]> {
  try {
    return await collect(directory.listAccounts(quiet))
  } finally {
    await directory.close()
  }
}

function refusal(directory: AccountDirectory): Promise<SealpostError> {
  return errorOf(listed(directory))
}

/** What both interfaces may meet, and what it is to be. */
const PASSING: readonly (readonly [name: string, fault: HttpFault, expected: object])[] = [
  [
    'too many requests',
    { kind: 'answer', status: 429, headers: { 'retry-after': '7' } },
    { kind: 'throttled', retryAfter: 7000 },
  ],
  ['a service that is ill', { kind: 'answer', status: 503 }, { kind: 'transient' }],
  ['a connection that is cut', { kind: 'cut' }, { kind: 'transient' }],
  ['an answer that is cut', { kind: 'cut-body', after: 10 }, { kind: 'transient' }],
  ['a page for people', { kind: 'answer', status: 200, body: '<html>' }, { kind: 'config', code: 'NO_INTERFACE' }],
  [
    'a redirect',
    { kind: 'answer', status: 301, headers: { location: 'https://example.com/' } },
    { kind: 'config' },
  ],
  ['a missing page', { kind: 'answer', status: 404 }, { kind: 'config' }],
  ['a missing right', { kind: 'answer', status: 403 }, { kind: 'auth', code: 'HTTP_403' }],
  [
    'an answer of another kind',
    { kind: 'answer', status: 200, body: [] },
    { kind: 'config', code: 'NO_INTERFACE' },
  ],
]

describe('cPanel', () => {
  let server: FakeCpanel
  beforeEach(async () => {
    server = new FakeCpanel()
    server.accounts = [
      { name: 'acme', bytes: 5 },
      { name: 'anna@acme.example', bytes: 1_048_576 },
      { name: 'bert@acme.example', bytes: 0, suspended: true },
    ]
    await server.start(certificate)
  })
  afterEach(async () => {
    await server.stop()
    expect(server.faults.complaints()).toEqual([])
  })
  const open = (token = server.token, username: string | null = server.user): AccountDirectory =>
    createCpanelDirectory({ host: '127.0.0.1', port: server.port, ca }, { username, secret: secretOf(token) })

  it('lists mailboxes and sizes with one call that only reads', async () => {
    expect(await listed(open())).toEqual([
      { account: 'acme', kind: 'system', bytes: 5, suspended: false },
      { account: 'anna@acme.example', kind: 'user', bytes: 1_048_576, suspended: false },
      { account: 'bert@acme.example', kind: 'user', bytes: 0, suspended: true },
    ])
    expect(server.seen).toEqual(['GET /execute/Email/list_pops_with_disk?get_restrictions=1'])
  })

  it('asks once with a token that is refused, and not at all without a user', async () => {
    expect(await refusal(open('wrong'))).toMatchObject({ kind: 'auth', code: 'HTTP_401' })
    expect(server.seen).toHaveLength(1)
    expect(await refusal(open(server.token, null))).toMatchObject({ kind: 'config', code: 'NO_USERNAME' })
    expect(await refusal(open(server.token, 'a\r\nb'))).toMatchObject({ kind: 'config', code: 'NO_USERNAME' })
    expect(server.seen).toHaveLength(1)
  })

  it('passes on why it would not list', async () => {
    server.hasMail = false
    const error = await refusal(open())
    expect(error).toMatchObject({ kind: 'config', serverText: 'You do not have the feature "popaccts".' })
  })

  it.each(PASSING)('%s', async (_, fault, expected) => {
    server.faults.arm(/list_pops/, fault)
    expect(await refusal(open())).toMatchObject(expected)
  })
})

describe('Zimbra', () => {
  let server: FakeZimbra
  beforeEach(async () => {
    server = new FakeZimbra()
    server.accounts = [
      { name: 'admin@zimbra.example', bytes: 100 },
      { name: 'anna@zimbra.example', bytes: 5_000_000_000 },
      { name: 'bert@zimbra.example', bytes: 0, suspended: true },
      { name: 'spam.x1@zimbra.example', bytes: 7, system: true },
      { name: 'room@zimbra.example', bytes: 8, type: 'Location' },
      { name: 'beamer@zimbra.example', bytes: 9, type: 'Equipment' },
    ]
    await server.start(certificate)
  })
  afterEach(async () => {
    await server.stop()
    expect(server.faults.complaints()).toEqual([])
  })
  const open = (password = server.password): AccountDirectory =>
    createZimbraDirectory(
      { host: '127.0.0.1', port: server.port, ca },
      { username: server.admin, secret: secretOf(password) },
    )

  it('lists accounts and resources, with sizes from as many pages as there are', async () => {
    const accounts = await listed(open())
    expect(
      accounts.map(({ account, kind, bytes, suspended }) => [account.split('@')[0], kind, bytes, suspended]),
    ).toEqual([
      ['admin', 'user', 100, false],
      ['anna', 'user', 5_000_000_000, false],
      ['bert', 'user', 0, true],
      ['spam.x1', 'system', 7, false],
      ['room', 'room', 8, false],
      ['beamer', 'equipment', 9, false],
    ])
    expect(server.seen).toEqual([
      'Auth',
      ...Array.from({ length: 3 }, () => 'GetQuotaUsage'),
      'GetAllAccounts',
      'GetAllCalendarResources',
    ])
    expect(server.tokens).toBe(1)
  })

  it('signs in once with a password that is refused', async () => {
    expect(await refusal(open('wrong'))).toMatchObject({
      kind: 'auth',
      serverText: 'words about account.AUTH_FAILED',
    })
    expect(server.seen).toEqual(['Auth'])
  })

  it.each([
    ['service.PERM_DENIED', 'GetAllAccounts', 'auth'],
    ['service.AUTH_EXPIRED', 'GetQuotaUsage', 'auth'],
    ['service.FAILURE', 'GetAllAccounts', 'transient'],
  ])('%s', async (code, on, kind) => {
    server.faults.arm(new RegExp(on), { kind: 'answer', ...server.fault(code) })
    expect(await refusal(open())).toMatchObject({ kind })
  })

  it.each(PASSING)('%s', async (_, fault, expected) => {
    server.faults.arm(/GetAllAccounts/, fault)
    expect(await refusal(open())).toMatchObject(expected)
  })
})
