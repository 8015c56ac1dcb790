import { stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { giveTo, writeMaildir, type StoredMessage } from '../../scripts/sample/maildir.ts'
import { GmailServer } from '../fakes/gmail-server.ts'
import { startOauth, type OauthStage } from '../oauth/stage.ts'
import { issue } from '../servers/certificates.ts'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { Place } from './program.ts'

const why = whyNoDovecot()
const ANNA = 'anna@example.test'
/** Distinct messages; every fifth lies in a second mailbox, too. */
const MESSAGES = 120
const COPIES = MESSAGES / 5
const MODIFY = 'https://www.googleapis.com/auth/gmail.modify'

function letter(n: number, hop: string): Buffer {
  const date = new Date(1_400_000_000_000 + n * 3_600_000).toUTCString().replace('GMT', '+0000')
  return Buffer.from(
    `Received: from ${hop}\r\nFrom: a@example.com\r\nMessage-ID: <m${n}@example.com>\r\nDate: ${date}\r\nSubject: number ${n}\r\n\r\nline of ${n}\r\n`,
  )
}

describe.skipIf(why !== null)(`the program between IMAP and the Gmail API ${why ?? ''}`, () => {
  let place: Place
  let oauth: OauthStage
  let dovecot: Dovecot
  const server = new GmailServer()

  beforeAll(async () => {
    oauth = await startOauth()
    oauth.provider.users.add(ANNA)
    await server.start(await issue(oauth.authority, 'gmail'))
    server.subjectOf = (token) => oauth.provider.subjectOf(token)
    server.account(ANNA)
    dovecot = await startDovecot({ separator: '/', users: [ANNA] })
    const stored = Array.from({ length: MESSAGES }, (_, n): StoredMessage[] => {
      const facts = { internalDate: 1_400_000_000_000 + n * 3_600_000, flags: n % 2 === 0 ? ['\\Seen'] : [] }
      const received = { mailbox: [n % 3 === 0 ? 'Work' : 'INBOX'], bytes: letter(n, 'outside'), ...facts }
      return n % 5 === 0 ? [received, { ...received, mailbox: ['Sent'], bytes: letter(n, 'inside') }] : [received]
    })
    const folder = dovecot.mailFolder(ANNA)
    await writeMaildir(folder, 'maildir++', stored.flat())
    await giveTo(await stat(join(dovecot.folder, 'mail')), dirname(folder))
    place = await Place.open()
    await place.init()
    await writeFile(join(place.project, 'google-ca.pem'), oauth.authority.certificate)
    await writeFile(join(place.project, 'imap-ca.pem'), dovecot.ca)
    await place.keep('google', 'service-account', oauth.serviceAccount([MODIFY]))
    await place.keep('imap', 'password', `${dovecot.password}\n`)
    await place.configure(
      `version: 1
client: Beispiel GmbH
source:
  kind: imap
  host: 127.0.0.1
  port: ${dovecot.imapsPort}
  tls: { mode: implicit, ca: imap-ca.pem }
  auth: { mode: password, credential: imap, username: "{account}" }
destination:
  kind: gmail
  endpoint: "${server.url}"
  ca: google-ca.pem
  units_per_minute: 999999
  auth: { credential: google, endpoint: "${oauth.provider.url}/token", ca: google-ca.pem }
`,
      `source,destination\n${ANNA},${ANNA}\n`,
    )
  })
  afterAll(async () => {
    await place.close()
    await dovecot.stop()
    await server.stop()
    await oauth.stop()
  })

  it('is throttled, killed in the middle, goes on, and has each message once', { timeout: 240_000 }, async () => {
    const account = server.account(ANNA)
    const error = {
      code: 429,
      message: 'Too many concurrent requests for user',
      errors: [{ reason: 'rateLimitExceeded' }],
    }
    const headers = { 'retry-after': '1' }
    server.faults.arm(/^messages\.import/, { kind: 'answer', status: 429, body: { error }, headers }).after(15)
    // Held up, so that there is time to kill the program while a message is on its way.
    const late = server.faults.arm(/^messages\.import/, { kind: 'late', milliseconds: 1_500 }).after(40)
    const running = place.start(['run', '--passphrase-file', place.passphraseFile], { cwd: place.project })
    while (late.fired === 0 && running.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 10))
    running.kill('SIGKILL')
    await running
    await server.idle()
    expect(account.messages.size).toBeGreaterThan(15)
    expect(account.messages.size).toBeLessThan(MESSAGES)

    const done = await place.run(['run', '--json'])
    expect([done.exitCode, done.stderr]).toEqual([0, ''])
    const last = JSON.parse(done.stdout.trimEnd().split('\n').at(-1) ?? '') as unknown
    expect(last).toMatchObject({
      messages: { source: MESSAGES + COPIES, landed: MESSAGES + COPIES, merged: COPIES },
    })
    const subjects = [...account.messages.values()].map(
      ({ raw }) => /^Subject: number (\d+)/m.exec(raw.toString())?.[1],
    )
    expect(subjects.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: MESSAGES }, (_, n) => n))
    const sent = [...account.messages.values()].filter(({ labels }) => labels.has('SENT'))
    expect(sent).toHaveLength(COPIES)

    const verified = await place.run(['verify', '--json'])
    expect([verified.exitCode, verified.stderr]).toEqual([0, ''])
    expect(JSON.parse(verified.stdout)).toMatchObject({
      checked: MESSAGES + COPIES,
      fidelity: { identical: MESSAGES, equivalent: COPIES, altered: 0, missing: 0, unchecked: 0 },
    })
    const again = await place.run(['run', '--json'])
    expect(again.exitCode).toBe(0)
    expect(account.messages.size).toBe(MESSAGES)
  })
})
