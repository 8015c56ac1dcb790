import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProbeFinding } from '../../src/core/probe.ts'
import { collect } from '../conformance/bench.ts'
import { startGraphServer, type GraphServer } from '../fakes/graph-server.ts'
import { graphTo, quiet } from './fixture.ts'

let server: GraphServer
beforeAll(async () => {
  server = await startGraphServer()
})
afterAll(() => server.stop())

async function tried(account: string): Promise<ReadonlyMap<string, ProbeFinding>> {
  server.tenant.mailbox(account)
  const session = await graphTo(server, { write: { mode: 'rebuild', attachOriginal: false } }).openDestination(
    account,
    quiet,
  )
  const scratch = await session.ensureMailbox(['Sealpost doctor'], null, quiet)
  server.tenant.roles.delete('Mail.ReadWrite')
  if (account.startsWith('may')) server.tenant.roles.add('Mail.ReadWrite')
  if (session.probeWriting === undefined || session.endProbe === undefined) throw new Error('nothing to try')
  const findings = [
    ...(await collect(session.probeWriting(scratch, quiet))),
    ...(await collect(session.endProbe(scratch, quiet))),
  ]
  server.tenant.roles.add('Mail.ReadWrite')
  await session.close()
  return new Map(findings.map((finding) => [finding.code, finding]))
}

describe('what a tenant shows when it is tried', () => {
  it('is told, and lies in the deleted items afterwards', async () => {
    const found = await tried('may@contoso.example')
    expect(found.get('json-mail')).toMatchObject({ state: 'good' })
    expect(found.get('mime-size')).toMatchObject({ state: 'good' })
    expect(found.get('item-transfer')).toMatchObject({
      state: 'good',
      text: 'an exported item was imported as it was; an import session lives 60 minutes',
    })
    const mailbox = server.tenant.mailbox('may@contoso.example')
    const folders = new Set([...mailbox.items.values()].map(({ folder }) => folder.parent?.wellKnown))
    expect([...folders]).toEqual(['deleteditems'])
  })

  it('is not known for want of a right, which is named', async () => {
    const found = await tried('denied@contoso.example')
    for (const code of ['json-mail', 'mime-folder', 'mime-size']) {
      expect(found.get(code)).toMatchObject({
        state: 'unknown',
        hint: 'it needs Mail.ReadWrite with admin consent',
      })
    }
    expect(found.get('scratch-mailbox')?.hint).toMatch(/with Outlook/)
    expect(server.tenant.mailbox('denied@contoso.example').items.size).toBe(0)
  })

  it('is not known for items without the permission to export them, which is named', async () => {
    server.tenant.roles.delete('MailboxItem.ImportExport.All')
    const found = await tried('maybe@contoso.example')
    server.tenant.roles.add('MailboxItem.ImportExport.All')
    const hint = expect.stringContaining('MailboxItem.ImportExport.All') as string
    expect(found.get('item-transfer')).toMatchObject({ state: 'unknown', hint })
  })

  it('is adverse where JSON makes drafts, and where drafts of the size that is sent are lost', async () => {
    const id = 'AAA='
    const draft = { id, isDraft: true, receivedDateTime: '2026-11-26T00:00:00Z' }
    server.tenant.faults.arm(/POST .*mailFolders.*messages/, { kind: 'answer', status: 201, body: { id } })
    server.tenant.faults.arm(/GET .*messages\/AAA/, { kind: 'answer', status: 200, body: draft })
    server.tenant.faults.arm(/POST \/v1.0\/users\/[^/]+\/messages$/, { kind: 'answer', status: 200, body: {} })
    const found = await tried('may.not@contoso.example')
    expect(found.get('json-mail')).toMatchObject({
      state: 'adverse',
      text: 'JSON makes a draft, with the date of today',
    })
    expect(found.get('mime-size')).toMatchObject({ state: 'adverse' })
    expect(server.tenant.faults.complaints()).toEqual([])
  })
})
