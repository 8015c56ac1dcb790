import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DIRECTORY_SCOPE } from '../../connectors/gmail/directory.ts'
import { USAGE_SCOPE } from '../../connectors/gmail/usage-report.ts'
import { startHosted, trustHosted, type Hosted } from './hosted.ts'
import { Place } from './program.ts'

const BOSS = 'boss@example.test'

let place: Place
let hosted: Hosted
beforeAll(async () => {
  hosted = await startHosted()
  const { stage, google, microsoft } = hosted
  stage.provider.users.add(BOSS)
  google.users.push(
    { primaryEmail: 'zoe@example.test', isMailboxSetup: true, megabytes: 3 },
    { primaryEmail: BOSS, isMailboxSetup: true, megabytes: 1 },
  )
  const { tenant } = microsoft
  const anna = tenant.mailbox('anna@contoso.example')
  anna.add(anna.folder('inbox') ?? anna.root, { mime: Buffer.from('Subject: x\r\n\r\nbody\r\n'), receivedMs: 0 })
  tenant.mailbox('info@contoso.example').kind = 'shared'
  tenant.mailbox('hall@contoso.example').kind = 'room'
  tenant.mailbox('nobody@contoso.example').licensed = false
  place = await Place.open()
  await place.init()
  await trustHosted(place, hosted)
  await place.keep('google', 'service-account', stage.serviceAccount([DIRECTORY_SCOPE, USAGE_SCOPE]))
  await place.keep('app', 'client-secret', tenant.clientSecret)
  await place.configure(yaml(), 'source,destination\n')
}, 60_000)
afterAll(async () => {
  await place.close()
  await hosted.stop()
})

function yaml(): string {
  const { stage, google, microsoft } = hosted
  const address = `https://localhost:${microsoft.port}`
  return `version: 1
client: Beispiel GmbH
source:
  kind: graph
  endpoint: "${address}"
  ca: microsoft-ca.pem
  auth: { tenant: contoso-tenant, client_id: app-1, credential: app, endpoint: "${address}", ca: microsoft-ca.pem }
destination:
  kind: gmail
  endpoint: "${google.url}"
  ca: google-ca.pem
  auth: { credential: google, endpoint: "${stage.provider.url}/token", ca: google-ca.pem }
  directory: { admin: ${BOSS}, endpoint: "${google.url}" }
`
}

describe('the accounts of hosted platforms', { timeout: 60_000 }, () => {
  it('of Microsoft 365 become mailboxes.csv, with kind and size, and without users who have no mailbox', async () => {
    const words = ['mailboxes', 'list', '--from', 'microsoft', '--write', '--to-domain', 'example.test']
    const { exitCode, stdout, stderr } = await place.run(words)
    expect([exitCode, stderr]).toEqual([0, ''])
    expect(stdout).toContain('3 accounts')
    const rows = (await readFile(join(place.project, 'mailboxes.csv'), 'utf8')).split('\n')
    expect(rows).toEqual([
      'source,destination,kind,bytes',
      expect.stringMatching(/^anna@contoso\.example,anna@example\.test,user,[1-9]\d*$/),
      'hall@contoso.example,hall@example.test,room,0',
      'info@contoso.example,info@example.test,shared,0',
      '',
    ])
    // A list that has rows is somebody's work.
    expect(await place.run(words)).toMatchObject({ exitCode: 2 })
  })

  it('of Google Workspace are listed with their size, and are no rows while they are the destination', async () => {
    const { exitCode, stdout } = await place.run(['mailboxes', 'list', '--from', 'google', '--json'])
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      from: 'destination',
      platform: 'google',
      written: false,
      accounts: [
        { account: BOSS, kind: 'user', bytes: 1_048_576, suspended: false },
        { account: 'zoe@example.test', kind: 'user', bytes: 3_145_728, suspended: false },
      ],
    })
    expect(await place.run(['mailboxes', 'list', '--from', 'google', '--csv'])).toMatchObject({ exitCode: 2 })
  })

  it('of Google Workspace become mailboxes.csv where they are the source', async () => {
    const [head = '', ends = ''] = yaml().split(/(?=source:)/)
    const turned = ends.replace('source:', 'x:').replace('destination:', 'source:').replace('x:', 'destination:')
    await place.configure(head + turned, 'source,destination\n')
    expect(await place.run(['mailboxes', 'list', '--from', 'google', '--write'])).toMatchObject({
      exitCode: 0,
      stderr: '',
    })
    expect(await readFile(join(place.project, 'mailboxes.csv'), 'utf8')).toBe(
      `source,destination,kind,bytes\n${BOSS},${BOSS},user,1048576\nzoe@example.test,zoe@example.test,user,3145728\n`,
    )
  })

  it('are not listed without the right, and the line names it', async () => {
    await place.configure(yaml(), 'source,destination\n')
    hosted.microsoft.tenant.roles.delete('User.Read.All')
    const { exitCode, stderr } = await place.run(['mailboxes', 'list', '--from', 'microsoft'])
    hosted.microsoft.tenant.roles.add('User.Read.All')
    expect(exitCode).not.toBe(0)
    expect(stderr.split('\n').filter((line) => line.startsWith('sealpost:'))).toHaveLength(1)
    expect(stderr).toMatch(/lacks a permission.*User\.Read\.All/s)
  })
})
