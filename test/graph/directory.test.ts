import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createGraphDirectory } from '../../connectors/graph/directory.ts'
import { createGraphGuide } from '../../connectors/graph/guide.ts'
import { systemClock } from '../../src/core/clock.ts'
import { collect } from '../conformance/bench.ts'
import { startGraphServer, type GraphServer } from '../fakes/graph-server.ts'
import { quiet, tokensOf } from './fixture.ts'

let server: GraphServer
beforeAll(async () => {
  server = await startGraphServer()
  const { tenant } = server
  for (const name of ['anna', 'ben', 'clara', 'dora', 'room1', 'info', 'ghost'])
    tenant.mailbox(`${name}@contoso.example`)
  tenant.mailbox('room1@contoso.example').kind = 'room'
  tenant.mailbox('info@contoso.example').kind = 'shared'
  tenant.mailbox('ghost@contoso.example').licensed = false
  const anna = tenant.mailbox('anna@contoso.example')
  const inbox = anna.folder('inbox')
  if (inbox !== undefined) anna.add(inbox, { mime: Buffer.from('Subject: x\r\n\r\n0123456789\r\n') })
})
afterAll(() => server.stop())

const config = () => ({
  host: server.host,
  port: server.port,
  tls: { ca: server.ca },
  tokens: tokensOf(server.tenant),
  clock: systemClock,
})
const listed = () => collect(createGraphDirectory(config()).listAccounts(quiet))

describe('the mailboxes of a tenant', () => {
  it('are listed once each, with kind and size, and without users that have none', async () => {
    const accounts = await listed()
    expect(accounts.map(({ account, kind, bytes }) => [account.split('@')[0], kind, bytes])).toEqual([
      ['anna', 'user', 26],
      ['ben', 'user', 0],
      ['clara', 'user', 0],
      ['dora', 'user', 0],
      ['room1', 'room', 0],
      ['info', 'shared', 0],
    ])
    expect(accounts.some(({ suspended }) => suspended)).toBe(false)
  })

  it('are listed without what the app may not know', async () => {
    const { roles } = server.tenant
    roles.delete('Reports.Read.All')
    roles.delete('MailboxSettings.Read')
    try {
      const accounts = await listed()
      expect(accounts.find(({ account }) => account.startsWith('anna'))).toMatchObject({
        kind: 'unknown',
        bytes: null,
      })
    } finally {
      roles.add('Reports.Read.All')
      roles.add('MailboxSettings.Read')
    }
  })

  it('say which consent is missing', async () => {
    server.tenant.roles.delete('User.Read.All')
    try {
      await expect(listed()).rejects.toMatchObject({ kind: 'auth', code: 'NO_CONSENT' })
    } finally {
      server.tenant.roles.add('User.Read.All')
    }
  })

  it('have quotas, unless the tenant hides names in its reports', async () => {
    const guide = createGraphGuide(config())
    expect(await guide.quota('Anna@contoso.example', quiet)).toEqual({ usedBytes: 26, limitBytes: 50 * 1024 ** 3 })
    server.tenant.hidesNames = true
    expect(await guide.quota('anna@contoso.example', quiet)).toBe(null)
    server.tenant.hidesNames = false
  })
})
