import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createGoogleDirectory, DIRECTORY_SCOPE } from '../../connectors/gmail/directory.ts'
import { USAGE_SCOPE } from '../../connectors/gmail/usage-report.ts'
import { systemClock } from '../../src/core/clock.ts'
import { collect, errorOf, quiet } from '../conformance/bench.ts'
import { startGmail, type GmailStage } from './stage.ts'

let stage: GmailStage
let scope = DIRECTORY_SCOPE
let usageScope = USAGE_SCOPE
beforeAll(async () => {
  stage = await startGmail()
  const asBoss = (its: string) => ({ subject: 'boss@example.test', scope: its })
  stage.server.subjectOf = (token) =>
    token === 'boss@example.test' ? asBoss(scope) : token === 'usage' ? asBoss(usageScope) : null
  for (let number = 0; number < 600; number++) {
    stage.server.users.push({
      primaryEmail: `user${number}@example.test`,
      isMailboxSetup: true,
      megabytes: number,
    })
  }
  stage.server.users.push(
    { primaryEmail: 'gone@example.test', suspended: true, isMailboxSetup: true },
    { primaryEmail: 'old@example.test', archived: true, isMailboxSetup: true },
    { primaryEmail: 'bare@other.test', isMailboxSetup: false },
  )
})
afterAll(() => stage.stop())

function directory(domain: string | null, admin = 'boss@example.test') {
  return createGoogleDirectory({
    tokens: { token: async (account) => account },
    usageTokens: { token: async () => 'usage' },
    admin,
    domain,
    clock: systemClock,
    endpoint: stage.server.url,
    ca: stage.ca,
  })
}

describe('the users of a Google Workspace', () => {
  it('are listed page by page, each once, with what keeps them out', async () => {
    const accounts = await collect(directory(null).listAccounts(quiet))
    expect(new Set(accounts.map(({ account }) => account)).size).toBe(603)
    expect(stage.server.countOf('directory.users.list', 'boss@example.test')).toBe(2)
    const byName = new Map(accounts.map((account) => [account.account, account]))
    expect(byName.get('user7@example.test')).toEqual({
      account: 'user7@example.test',
      kind: 'user',
      bytes: 7 * 1024 * 1024,
      suspended: false,
    })
    expect(byName.get('gone@example.test')?.suspended).toBe(true)
    expect(byName.get('old@example.test')?.suspended).toBe(true)
    expect(byName.get('bare@other.test')?.kind).toBe('unknown')
    expect(await collect(directory('other.test').listAccounts(quiet))).toHaveLength(1)
  })

  it('are of unknown size where reports may not be read, and none is lost for it', async () => {
    const before = stage.server.countOf('reports.userUsageReport.get', 'boss@example.test')
    usageScope = DIRECTORY_SCOPE
    const accounts = await collect(directory(null).listAccounts(quiet))
    usageScope = USAGE_SCOPE
    expect(accounts).toHaveLength(603)
    expect(accounts.every(({ bytes }) => bytes === null)).toBe(true)
    expect(stage.server.countOf('reports.userUsageReport.get', 'boss@example.test')).toBe(before + 1)
  })

  it('are not listed in part: a page that fails ends the list with its error', async () => {
    const body = { error: { code: 503, message: 'Backend Error' } }
    stage.server.faults.arm(/^directory\.users\.list/, { kind: 'answer', status: 503, body }).after(1)
    expect(await errorOf(collect(directory(null).listAccounts(quiet)))).toMatchObject({ kind: 'transient' })
  })

  it('are not taken from an answer that is none', async () => {
    stage.server.faults.arm(/^directory\.users\.list/, { kind: 'answer', status: 200, body: {} })
    expect(await errorOf(collect(directory(null).listAccounts(quiet)))).toMatchObject({ kind: 'transient' })
  })

  it('need the scope and an administrator, and the error names the setting', async () => {
    scope = 'openid'
    const error = await errorOf(collect(directory(null).listAccounts(quiet)))
    scope = DIRECTORY_SCOPE
    expect(error).toMatchObject({ kind: 'auth' })
    expect(error.message).toBe('Google Admin SDK: boss@example.test may not list the users')
    expect(error.hint).toContain('directory.admin')
    expect(await errorOf(collect(directory(null, 'anna@example.test').listAccounts(quiet)))).toMatchObject({
      kind: 'auth',
    })
  })
})
