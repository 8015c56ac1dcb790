import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AppRole } from '../fakes/m365/tenant.ts'
import { useWorkspace } from './at-time.ts'
import { runAt } from './at-time.ts'
import { gmailEnd, graphEnd, startHosted, trustHosted, type Hosted } from './hosted.ts'
import type { Place } from './program.ts'

const READING = 'https://www.googleapis.com/auth/gmail.readonly'
const OLD = 'old@contoso.example'
const NEW = 'new@contoso.example'
const ANNA = 'anna@example.test'

const place = useWorkspace({ agent: true })
let hosted: Hosted
beforeAll(async () => {
  hosted = await startHosted()
  hosted.stage.provider.users.add(ANNA)
  for (const address of [OLD, NEW]) hosted.microsoft.tenant.mailbox(address)
}, 60_000)
afterAll(async () => {
  await hosted.stop()
})

const run = (words: readonly string[]) => runAt(place(), [...words, '--project', place().project])

const keep = (name: string, kind: string, content: string) => place().keep(name, kind, content, run)

/** The one line that `plan` says on stderr. */
async function lineFor(at: Place, source: string, destination: string, row: string): Promise<string> {
  await trustHosted(at, hosted)
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
  hosted.microsoft.tenant.roles.delete(role)
  try {
    await act()
  } finally {
    hosted.microsoft.tenant.roles.add(role)
  }
}

describe('Microsoft 365 refuses, and one line names the setting to change', { timeout: 30_000 }, () => {
  const ROW = `${OLD},${NEW}`
  const line = (source = graphEnd(hosted), destination = graphEnd(hosted)): Promise<string> =>
    lineFor(place(), source, destination, ROW)

  it('a wrong tenant, a wrong application, a wrong secret', async () => {
    await keep('app', 'client-secret', 'another one')
    expect(await line(graphEnd(hosted, 'fabrikam'))).toMatch(/there is no tenant fabrikam.*auth\.tenant/)
    expect(await line(graphEnd(hosted, 'contoso-tenant', 'app-2'))).toMatch(/application app-2 .*auth\.client_id/)
    expect(await line()).toMatch(/client secret of credential "app" is wrong.*value of the secret and not its id/)
  })

  it('a missing consent, for Graph and for IMAP', async () => {
    await keep('app', 'client-secret', hosted.microsoft.tenant.clientSecret)
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
    await keep('app', 'client-secret', hosted.microsoft.tenant.clientSecret)
    const mailbox = hosted.microsoft.tenant.mailbox(NEW)
    mailbox.imapEnabled = false
    expect(await line()).toMatch(/Set-CASMailbox -ImapEnabled \$true/)
    mailbox.imapEnabled = true
    mailbox.granted = false
    expect(await line()).toMatch(/FullAccess \(Add-MailboxPermission\)/)
    mailbox.granted = true
  })

  it('a mailbox without a licence, and a user who is not there', async () => {
    await keep('app', 'client-secret', hosted.microsoft.tenant.clientSecret)
    hosted.microsoft.tenant.mailbox(OLD).licensed = false
    expect(await line()).toMatch(/has no mailbox.*licence with Exchange Online/)
    hosted.microsoft.tenant.mailbox(OLD).licensed = true
    expect(await lineFor(place(), graphEnd(hosted), graphEnd(hosted), `nobody@contoso.example,${NEW}`)).toMatch(
      /no such user.*mailboxes\.csv/,
    )
  })

  it('an expired certificate', async () => {
    await keep('app', 'client-certificate', hosted.stage.clientCertificate(-1).both)
    expect(await line()).toMatch(/certificate of credential "app" expired at .*credentials set app/)
  })
})

describe('Google refuses, and one line names the setting to change', { timeout: 30_000 }, () => {
  const line = (): Promise<string> =>
    lineFor(place(), gmailEnd(hosted), '{ kind: maildir, path: "new/{account}" }', `${ANNA},anna`)

  it('a wrong scope, a user without Gmail, a user who is not there', async () => {
    await keep(
      'google',
      'service-account',
      hosted.stage.serviceAccount(['https://www.googleapis.com/auth/gmail.labels']),
    )
    expect(await line()).toMatch(/may not act for anna@example\.test with these scopes.*Domain-wide delegation/)
    await keep('google', 'service-account', hosted.stage.serviceAccount([READING]))
    expect(await line()).toMatch(/the user has no Gmail.*licence/)
    hosted.stage.provider.users.delete(ANNA)
    expect(await line()).toMatch(/there is no user anna@example\.test.*mailboxes\.csv/)
    hosted.stage.provider.users.add(ANNA)
  })
})
