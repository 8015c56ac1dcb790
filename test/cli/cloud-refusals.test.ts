import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startExchangeImap, type ExchangeImap } from '../fakes/exchange-imap.ts'
import { GmailServer } from '../fakes/gmail-server.ts'
import { startGraphServer, type GraphServer } from '../fakes/graph-server.ts'
import type { AppRole } from '../fakes/m365/tenant.ts'
import { startOauth, type OauthStage } from '../oauth/stage.ts'
import { issue } from '../servers/certificates.ts'
import { useWorkspace } from './at-time.ts'
import { runAt } from './at-time.ts'
import type { Place } from './program.ts'

const READING = 'https://www.googleapis.com/auth/gmail.readonly'
const OLD = 'old@contoso.example'
const NEW = 'new@contoso.example'
const ANNA = 'anna@example.test'

const place = useWorkspace({ agent: true })
let stage: OauthStage
let google: GmailServer
let microsoft: GraphServer
let door: ExchangeImap
beforeAll(async () => {
  stage = await startOauth()
  google = new GmailServer()
  await google.start(await issue(stage.authority, 'gmail'))
  google.subjectOf = (token) => stage.provider.subjectOf(token)
  stage.provider.users.add(ANNA)
  microsoft = await startGraphServer()
  door = await startExchangeImap(microsoft.tenant, microsoft.credentials)
  for (const address of [OLD, NEW]) microsoft.tenant.mailbox(address)
}, 60_000)
afterAll(async () => {
  await door.stop()
  await microsoft.stop()
  await google.stop()
  await stage.stop()
})

async function keep(name: string, kind: string, content: string): Promise<void> {
  const file = join(place().folder, `${name}.secret`)
  await writeFile(file, content, { mode: 0o600 })
  expect(await run(['credentials', 'set', name, '--kind', kind, '--secret-file', file])).toMatchObject({
    exitCode: 0,
  })
}

const run = (words: readonly string[]) => runAt(place(), [...words, '--project', place().project])

function graphEnd(tenant = 'contoso-tenant', client = 'app-1'): string {
  const address = `https://localhost:${microsoft.port}`
  return `{ kind: graph, endpoint: "${address}", imap_host: localhost, imap_port: ${door.port}, ca: microsoft-ca.pem,
  auth: { tenant: ${tenant}, client_id: ${client}, credential: app, endpoint: "${address}", ca: microsoft-ca.pem } }`
}

function gmailEnd(): string {
  return `{ kind: gmail, endpoint: "${google.url}", ca: google-ca.pem,
  auth: { credential: google, endpoint: "${stage.provider.url}/token", ca: google-ca.pem } }`
}

/** The one line that `plan` says on stderr. */
async function lineFor(at: Place, source: string, destination: string, row: string): Promise<string> {
  await writeFile(join(at.project, 'google-ca.pem'), stage.authority.certificate)
  await writeFile(join(at.project, 'microsoft-ca.pem'), microsoft.ca)
  const yaml = `version: 1\nclient: Beispiel GmbH\nsource: ${source}\ndestination: ${destination}\n`
  await at.configure(yaml, `source,destination\n${row}\n`)
  const { exitCode, stderr } = await run(['plan'])
  expect(exitCode).not.toBe(0)
  const lines = stderr.split('\n').filter((line) => line.startsWith('sealpost:'))
  expect(lines).toHaveLength(1)
  expect(stderr).not.toMatch(/secret of the app|Bearer|eyJ/)
  return lines[0] ?? ''
}

/** With a mailbox or the app changed, and changed back. */
async function without(role: AppRole, act: () => Promise<void>): Promise<void> {
  microsoft.tenant.roles.delete(role)
  try {
    await act()
  } finally {
    microsoft.tenant.roles.add(role)
  }
}

describe('Microsoft 365 refuses, and one line names the setting to change', { timeout: 30_000 }, () => {
  const ROW = `${OLD},${NEW}`
  const line = (source = graphEnd(), destination = graphEnd()): Promise<string> =>
    lineFor(place(), source, destination, ROW)

  it('a wrong tenant, a wrong application, a wrong secret', async () => {
    await keep('app', 'client-secret', 'another one')
    expect(await line(graphEnd('fabrikam'))).toMatch(/there is no tenant fabrikam.*auth\.tenant/)
    expect(await line(graphEnd('contoso-tenant', 'app-2'))).toMatch(/application app-2 .*auth\.client_id/)
    expect(await line()).toMatch(/client secret of credential "app" is wrong.*value of the secret and not its id/)
  })

  it('a missing consent, for Graph and for IMAP', async () => {
    await keep('app', 'client-secret', microsoft.tenant.clientSecret)
    await without('Mail.Read', () =>
      without('Mail.ReadWrite', async () => {
        expect(await line()).toMatch(/may not open this mailbox.*Mail\.Read or Mail\.ReadWrite with admin consent/)
      }),
    )
    await without('IMAP.AccessAsApp', async () => {
      expect(await line()).toMatch(/consent to IMAP\.AccessAsApp/)
    })
  })

  it('disabled IMAP, and a mailbox that the app was not given', async () => {
    await keep('app', 'client-secret', microsoft.tenant.clientSecret)
    const mailbox = microsoft.tenant.mailbox(NEW)
    mailbox.imapEnabled = false
    expect(await line()).toMatch(/Set-CASMailbox -ImapEnabled \$true/)
    mailbox.imapEnabled = true
    mailbox.granted = false
    expect(await line()).toMatch(/FullAccess \(Add-MailboxPermission\)/)
    mailbox.granted = true
  })

  it('a mailbox without a licence, and a user who is not there', async () => {
    await keep('app', 'client-secret', microsoft.tenant.clientSecret)
    microsoft.tenant.mailbox(OLD).licensed = false
    expect(await line()).toMatch(/has no mailbox.*licence with Exchange Online/)
    microsoft.tenant.mailbox(OLD).licensed = true
    expect(await lineFor(place(), graphEnd(), graphEnd(), `nobody@contoso.example,${NEW}`)).toMatch(
      /no such user.*mailboxes\.csv/,
    )
  })

  it('an expired certificate', async () => {
    await keep('app', 'client-certificate', stage.clientCertificate(-1).both)
    expect(await line()).toMatch(/certificate of credential "app" expired at .*credentials set app/)
  })
})

describe('Google refuses, and one line names the setting to change', { timeout: 30_000 }, () => {
  const line = (): Promise<string> =>
    lineFor(place(), gmailEnd(), '{ kind: maildir, path: "new/{account}" }', `${ANNA},anna`)

  it('a wrong scope, a user without Gmail, a user who is not there', async () => {
    await keep('google', 'service-account', stage.serviceAccount(['https://www.googleapis.com/auth/gmail.labels']))
    expect(await line()).toMatch(/may not act for anna@example\.test with these scopes.*Domain-wide delegation/)
    await keep('google', 'service-account', stage.serviceAccount([READING]))
    expect(await line()).toMatch(/the user has no Gmail.*licence/)
    stage.provider.users.delete(ANNA)
    expect(await line()).toMatch(/there is no user anna@example\.test.*mailboxes\.csv/)
    stage.provider.users.add(ANNA)
  })
})
