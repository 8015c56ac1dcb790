import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProbeFinding } from '../../src/core/probe.ts'
import { startExchangeImap, type ExchangeImap } from '../fakes/exchange-imap.ts'
import { GmailServer } from '../fakes/gmail-server.ts'
import { startGraphServer, type GraphServer } from '../fakes/graph-server.ts'
import { startOauth, type OauthStage } from '../oauth/stage.ts'
import { issue } from '../servers/certificates.ts'
import { Place } from './program.ts'

const READING = 'https://www.googleapis.com/auth/gmail.readonly'
const WRITING = 'https://www.googleapis.com/auth/gmail.modify'
const ANNA = 'anna@example.test'
const NEW = 'new@contoso.example'

let place: Place
let stage: OauthStage
let google: GmailServer
let microsoft: GraphServer
let door: ExchangeImap
beforeAll(async () => {
  stage = await startOauth()
  google = new GmailServer()
  await google.start(await issue(stage.authority, 'gmail'))
  google.subjectOf = (token) => stage.provider.subjectOf(token)
  google.account(ANNA)
  stage.provider.users.add(ANNA)
  microsoft = await startGraphServer()
  door = await startExchangeImap(microsoft.tenant, microsoft.credentials)
  door.facts.mostSessions = 10
  microsoft.tenant.mailbox(NEW)
  place = await Place.open()
  await place.init()
  await writeFile(join(place.project, 'google-ca.pem'), stage.authority.certificate)
  await writeFile(join(place.project, 'microsoft-ca.pem'), microsoft.ca)
  await keep('google', 'service-account', stage.serviceAccount([READING, WRITING]))
  await keep('app', 'client-secret', microsoft.tenant.clientSecret)
}, 60_000)
afterAll(async () => {
  await place.close()
  await door.stop()
  await microsoft.stop()
  await google.stop()
  await stage.stop()
})

async function keep(name: string, kind: string, content: string): Promise<void> {
  const file = join(place.folder, `${name}.secret`)
  await writeFile(file, content, { mode: 0o600 })
  const words = ['credentials', 'set', name, '--kind', kind, '--secret-file', file]
  expect(await place.run(words)).toMatchObject({ exitCode: 0, stderr: '' })
}

function gmailEnd(): string {
  return `{ kind: gmail, endpoint: "${google.url}", ca: google-ca.pem,
  auth: { credential: google, endpoint: "${stage.provider.url}/token", ca: google-ca.pem } }`
}

function graphEnd(): string {
  const address = `https://localhost:${microsoft.port}`
  return `{ kind: graph, endpoint: "${address}", imap_host: localhost, imap_port: ${door.port}, ca: microsoft-ca.pem,
  auth: { tenant: contoso-tenant, client_id: app-1, credential: app, endpoint: "${address}", ca: microsoft-ca.pem } }`
}

/** What doctor finds at the destination, by code. */
async function findAt(source: string, destination: string, row: string): Promise<Map<string, ProbeFinding>> {
  const yaml = `version: 1\nclient: Beispiel GmbH\nsource: ${source}\ndestination: ${destination}\n`
  await place.configure(yaml, `source,destination\n${row}\n`)
  const { stdout } = await place.run(['doctor', '--write', '--json'])
  const { ends } = JSON.parse(stdout) as { ends: { error: unknown; findings: ProbeFinding[] }[] }
  expect(ends.map(({ error }) => error)).toEqual([null, null])
  return new Map(ends[1]?.findings.map((finding) => [finding.code, finding]))
}

describe('doctor --write at hosted platforms', { timeout: 120_000 }, () => {
  it('finds out what Microsoft leaves open, and puts what it wrote into the deleted items', async () => {
    const found = await findAt(gmailEnd(), graphEnd(), `${ANNA},${NEW}`)
    expect(found.get('imap-dates')?.text).toMatch(
      /^of (1\d) messages .* \1 have their INTERNALDATE .* \1 as delivery time/,
    )
    expect(found.get('imap-mail')).toMatchObject({ state: 'good' })
    expect(found.get('json-mail')).toMatchObject({ state: 'good', text: 'JSON makes mail, with its own date' })
    expect(found.get('mime-folder')?.text).toMatch(/refused: 400 UnableToDeserializePostBody/)
    expect(found.get('mime-size')?.text).toBe(
      'drafts as MIME: 2200 kB stored, 2300 kB 200, not stored, 2900 kB 200, not stored',
    )
    expect(found.get('sessions')?.text).toMatch(/^10 sessions at once were let in, one more was refused: .*limit/)
    const mailbox = microsoft.tenant.mailbox(NEW)
    const trash = mailbox.folder('deleteditems')
    const scratch = mailbox.folders.find(({ name }) => name === 'Sealpost doctor')
    expect(scratch?.parent).toBe(trash)
    expect([...mailbox.items.values()].filter(({ folder }) => folder !== scratch)).toEqual([])
    expect(found.get('scratch-mailbox')?.text).toContain('deleted items')
  })

  it('finds out what Google leaves open, and puts what it wrote into the trash', async () => {
    google.unitsPerMinute = 6_000
    const found = await findAt(graphEnd(), gmailEnd(), `${NEW},${ANNA}`)
    google.unitsPerMinute = Infinity
    expect(found.get('max-message')?.text).toMatch(/^an upload of 50 MiB may begin, a larger one is refused/)
    expect(found.get('label-name')?.text).toBe('names of 225 characters are taken; longer ones are refused')
    expect(found.get('label-taken')?.text).toMatch(/refused: aborted Label name exists/)
    expect(found.get('quota-class')).toMatchObject({ state: 'good', hint: null })
    expect(found.get('quota-class')?.text).toMatch(/then it was enough: the project has 6,000 units/)
    const account = google.account(ANNA)
    expect([...account.labels.values()].filter(({ type }) => type === 'user')).toEqual([])
    expect(account.messages.size).toBeGreaterThan(5)
    expect([...account.messages.values()].every(({ labels }) => labels.has('TRASH'))).toBe(true)
  })
})
