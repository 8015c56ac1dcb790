import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startExchangeImap, type ExchangeImap } from '../fakes/exchange-imap.ts'
import { startGraphServer, type GraphServer } from '../fakes/graph-server.ts'
import { Place } from './program.ts'

const MESSAGES = 25

let place: Place
let server: GraphServer
let door: ExchangeImap
beforeAll(async () => {
  server = await startGraphServer()
  door = await startExchangeImap(server.tenant, server.credentials)
  const anna = server.tenant.mailbox('anna@contoso.example')
  const sent = anna.folder('sentitems')
  for (let n = 0; n < MESSAGES; n++) {
    const mime = Buffer.from(`Message-ID: <${n}@cli.example>\r\nSubject: ${n}\r\n\r\nBody ${n}\r\n`)
    if (sent !== undefined) anna.add(sent, { mime, receivedMs: 1_500_000_000_000 + n * 1000, isFlagged: n === 3 })
  }
  server.tenant.mailbox('new@contoso.example')
  server.tenant.mailbox('room@contoso.example').kind = 'room'
  place = await Place.open()
  await place.init()
  await writeFile(join(place.project, 'ca.pem'), server.ca)
  await place.keep('app', 'client-secret', 'a secret of the app\n')
}, 60_000)
afterAll(async () => {
  await place.close()
  await door.stop()
  await server.stop()
})

function end(more = '', tenant = 'contoso-tenant'): string {
  const address = `https://localhost:${server.port}`
  return `{ kind: graph, endpoint: "${address}", imap_host: localhost, imap_port: ${door.port}, ca: ca.pem, ${more}
  auth: { tenant: ${tenant}, client_id: app-1, credential: app, endpoint: "${address}", ca: ca.pem } }`
}

const project = (source: string, destination: string): Promise<void> =>
  place.configure(
    `version: 1\nclient: Beispiel GmbH\nsource: ${source}\ndestination: ${destination}\n`,
    'source,destination\nanna@contoso.example,new@contoso.example\n',
  )

describe('the program between mailboxes of Microsoft 365', { timeout: 120_000 }, () => {
  it('moves mail, verifies it, and appends nothing a second time', async () => {
    await project(end(), end())
    const { exitCode, stderr } = await place.run(['run'])
    expect([exitCode, stderr.split('\n').filter((line) => line.startsWith('sealpost:'))]).toEqual([0, []])
    const moved = server.tenant.mailbox('new@contoso.example')
    const items = [...moved.items.values()]
    expect(items).toHaveLength(MESSAGES)
    expect(items.every(({ folder }) => folder.wellKnown === 'sentitems')).toBe(true)
    expect(items.filter(({ isFlagged }) => isFlagged)).toHaveLength(1)
    expect((await place.run(['verify'])).exitCode).toBe(0)
    const { appends } = door.facts
    expect((await place.run(['run'])).exitCode).toBe(0)
    expect(door.facts.appends).toBe(appends)
  })

  it('moves the items as they are where that is asked for, and names the permission that it takes', async () => {
    await place.configure(
      `version: 1\nclient: Beispiel GmbH\nsource: ${end()}\ndestination: ${end('write: transfer,')}\n`,
      'source,destination\nanna@contoso.example,whole@contoso.example\n',
    )
    server.tenant.mailbox('whole@contoso.example')
    server.tenant.roles.delete('MailboxItem.ImportExport.All')
    // Anna's mail has gone elsewhere before, which is asked about.
    const refused = await place.run(['run', '--confirm', 'anna@contoso.example=whole@contoso.example'])
    server.tenant.roles.add('MailboxItem.ImportExport.All')
    expect(refused.exitCode).toBe(2)
    expect(refused.stderr).toMatch(/MailboxItem\.ImportExport\.All/)
    const { appends } = door.facts
    expect((await place.run(['run'])).exitCode).toBe(0)
    expect((await place.run(['verify'])).exitCode).toBe(0)
    expect(server.tenant.mailbox('whole@contoso.example').items.size).toBe(MESSAGES)
    expect(door.facts.appends).toBe(appends)
  })

  it('lists the mailboxes of the tenant', async () => {
    const { stdout } = await place.run(['mailboxes', 'list', '--from', 'source', '--json'])
    const { accounts } = JSON.parse(stdout) as { accounts: { account: string; kind: string }[] }
    expect(accounts.map(({ account, kind }) => [account, kind])).toContainEqual(['room@contoso.example', 'room'])
  })

  it.each([
    ['a tenant that is none', '', 'elsewhere', /auth\.tenant/i],
    ['a mailbox to itself', 'self', 'contoso-tenant', /same mailbox/],
  ])('says in one line what to change: %s', async (_, more, tenant, says) => {
    await project(end('', tenant), end('', tenant))
    if (more === 'self') {
      await writeFile(join(place.project, 'mailboxes.csv'), 'source,destination\na@b.example,a@b.example\n')
    }
    const { exitCode, stderr } = await place.run(['plan'])
    expect(exitCode).not.toBe(0)
    expect(stderr).toMatch(says)
  })

  it('says which key of the end is wrong', async () => {
    await project(end('wirte: imap,'), end())
    expect((await place.run(['plan'])).stderr).toMatch(/wirte.*write/s)
  })
})
