import { readFileSync } from 'node:fs'
import { stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { giveTo, writeMaildir } from '../../scripts/sample/maildir.ts'
import type { PlanReport } from '../../src/report/plan-report.ts'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { jsonAt } from './at-time.ts'
import { gmailEnd, graphEnd, startHosted, trustHosted, type Hosted } from './hosted.ts'
import { Place } from './program.ts'

const ANNA = 'anna@example.test'
const FULL = 'full@example.test'
const NEW = 'new@contoso.example'
const NOW = '2026-03-01T09:00:00Z'
const SCOPES = ['readonly', 'modify'].map((name) => `https://www.googleapis.com/auth/gmail.${name}`)
const why = whyNoDovecot()

/** Old mail, mail of the year, and what was sent: one of them too large for an end that takes 16 KiB. */
const MAIL = [
  { sent: false, at: '2019-12-31T23:59:59Z', bytes: 1000 },
  { sent: false, at: '2025-06-01T00:00:00Z', bytes: 2000 },
  { sent: false, at: '2025-06-02T00:00:00Z', bytes: 3000 },
  { sent: true, at: '2025-07-01T00:00:00Z', bytes: 40_000 },
  { sent: true, at: '2019-01-01T00:00:00Z', bytes: 4000 },
].map((each, n) => {
  const head = `From: a@example.com\r\nMessage-ID: <plan-${n}@example.com>\r\nSubject: secret ${n}\r\n\r\n`
  const bytes = Buffer.from(`${head}${`${'x'.repeat(70)}\r\n`.repeat(999)}`.slice(0, each.bytes - 2) + '\r\n')
  return { ...each, bytes, internalDate: Date.parse(each.at) }
})
const SENT = { messages: 2, bytes: 44_000 }
const GROWTH = [
  { year: 2019, messages: 2, bytes: 5000 },
  { year: 2025, messages: 3, bytes: 45_000 },
]

describe.skipIf(why !== null)(`plan where the ends are servers${why === null ? '' : ` (${why})`}`, () => {
  let place: Place
  let hosted: Hosted
  let dovecot: Dovecot
  beforeAll(async () => {
    hosted = await startHosted()
    const { stage, google, microsoft } = hosted
    stage.provider.users.add(ANNA)
    const account = google.account(ANNA)
    const mailbox = microsoft.tenant.mailbox(NEW)
    const folders = { inbox: mailbox.folder('inbox'), sent: mailbox.folder('sentitems') }
    for (const { sent, bytes, internalDate } of MAIL) {
      account.store(bytes, [sent ? 'SENT' : 'INBOX'], internalDate)
      const folder = sent ? folders.sent : folders.inbox
      if (folder !== undefined) mailbox.add(folder, { mime: bytes, receivedMs: internalDate })
    }
    dovecot = await startDovecot({ separator: '/', users: [ANNA, FULL], quotaBytes: 20_480 })
    const folder = dovecot.mailFolder(ANNA)
    const stored = MAIL.map(({ sent, bytes, internalDate }) => {
      return { mailbox: [sent ? 'Sent' : 'INBOX'], bytes, internalDate, flags: [] }
    })
    await writeMaildir(folder, 'maildir++', stored)
    await giveTo(await stat(join(dovecot.folder, 'mail')), dirname(folder))
    place = await Place.open()
    await place.init()
    await trustHosted(place, hosted)
    await writeFile(join(place.project, 'imap-ca.pem'), dovecot.ca)
    await place.keep('google', 'service-account', stage.serviceAccount(SCOPES))
    await place.keep('app', 'client-secret', microsoft.tenant.clientSecret)
    await place.keep('imap', 'password', `${dovecot.password}\n`)
  }, 60_000)
  afterAll(async () => {
    await place.close()
    await dovecot.stop()
    await hosted.stop()
  })

  function imapEnd(): string {
    return `{ kind: imap, host: 127.0.0.1, port: ${dovecot.imapsPort}, tls: { mode: implicit, ca: imap-ca.pem },
  auth: { mode: password, credential: imap, username: "{account}" } }`
  }

  /** The plan, as JSON and as a page. */
  async function planOf(source: string, destination: string, row: string) {
    const yaml = `version: 1\nclient: Beispiel GmbH\nsource: ${source}\ndestination: ${destination}\n`
    await place.configure(yaml, `source,destination\n${row}\n`)
    const file = join(place.folder, 'plan.html')
    const plan = await jsonAt<PlanReport>(place, ['plan', '--html', file], NOW)
    const html = readFileSync(file, 'utf8')
    expect(`${JSON.stringify(plan)}${html}`).not.toMatch(/secret|plan-\d|a@example\.com/)
    const uses = new Map(plan.specialUse.map(({ use, messages, bytes }) => [use, { messages, bytes }]))
    return { plan, html, uses }
  }

  it('IMAP to Gmail: sizes and years as the server tells them, and the time that quota units take', async () => {
    const gmail = gmailEnd(hosted).replace('kind: gmail,', 'kind: gmail, units_per_minute: 600,')
    const { plan, html, uses } = await planOf(imapEnd(), gmail, `${ANNA},${ANNA}`)
    expect(plan).toMatchObject({ messages: 5, bytes: 50_000, growth: GROWTH, unfit: [] })
    expect(uses.get('sent')).toEqual(SENT)
    expect(plan.accounts[0]?.mailboxes.find(({ source }) => source === 'Sent')).toMatchObject({
      destination: 'Sent',
      specialUse: 'sent',
      create: false,
    })
    // 540 units a minute without a burst, 25 each.
    const [write] = plan.assumptions.limits.filter(({ work }) => work === 'write')
    expect(write).toMatchObject({ side: 'destination', platform: 'Gmail API', messagesPerSecond: 0.36 })
    const [initial] = plan.passes
    expect(initial).toMatchObject({ kind: 'initial', messages: 5, bytesToDestination: 50_000 })
    expect(initial?.seconds.fast).toBeGreaterThanOrEqual(5 / 0.36)
    expect(html).toContain('Gmail API')
  })

  it('Gmail to Microsoft 365: what is too large there, and the slower of both ends', async () => {
    const gmail = gmailEnd(hosted).replace('kind: gmail,', 'kind: gmail, units_per_minute: 600,')
    const graph = graphEnd(hosted).replace('kind: graph,', 'kind: graph, max_message: 16KiB,')
    const { plan, html, uses } = await planOf(gmail, graph, `${ANNA},${NEW}`)
    expect(plan.messages).toBe(5)
    expect(plan.growth.map(({ year, messages }) => [year, messages])).toEqual([
      [2019, 2],
      [2025, 3],
    ])
    expect(uses.get('sent')?.messages).toBe(2)
    expect(plan.unfit).toMatchObject([{ reason: 'too-large', messages: 1, limitBytes: 16_384 }])
    expect(plan.unfit[0]?.bytes).toBeGreaterThanOrEqual(40_000)
    expect(plan.risks).toContainEqual({ code: 'too-large', accounts: [ANNA] })
    const limits = plan.assumptions.limits.map(({ side, work, platform }) => `${side} ${work} ${platform}`)
    expect(limits).toEqual(['source read Gmail API', 'destination write Exchange Online'])
    const [initial] = plan.passes
    expect(initial?.messages).toBe(4)
    const slower = Math.min(...plan.assumptions.limits.map((limit) => limit.messagesPerSecond ?? Infinity))
    expect(initial?.seconds.fast).toBeGreaterThanOrEqual(4 / slower)
    for (const platform of ['Gmail API', 'Exchange Online']) expect(html).toContain(platform)
  })

  it('Microsoft 365 to IMAP: what the quota leaves no room for', async () => {
    const { plan, uses } = await planOf(graphEnd(hosted), imapEnd(), `${NEW},${FULL}`)
    expect(plan).toMatchObject({ messages: 5, growth: [{ year: 2019 }, { year: 2025 }] })
    expect(uses.get('sent')?.messages).toBe(2)
    expect(plan.accounts[0]?.quota).toEqual({ usedBytes: 0, limitBytes: 20_480 })
    const short = plan.bytes - 20_480
    expect(plan.unfit).toMatchObject([{ reason: 'quota', bytes: short, limitBytes: 20_480 }])
    expect(plan.risks).toContainEqual({ code: 'quota-short', accounts: [NEW] })
    const sent = plan.accounts[0]?.mailboxes.find(({ specialUse }) => specialUse === 'sent')
    expect(sent).toMatchObject({ source: 'Gesendete Elemente', messages: 2, create: true })
  })
})
