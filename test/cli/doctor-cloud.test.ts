import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProbeFinding } from '../../src/core/probe.ts'
import { gmailEnd, graphEnd, startHosted, trustHosted, type Hosted } from './hosted.ts'
import { Place } from './program.ts'

const READING = 'https://www.googleapis.com/auth/gmail.readonly'
const WRITING = 'https://www.googleapis.com/auth/gmail.modify'
const ANNA = 'anna@example.test'
const NEW = 'new@contoso.example'

let place: Place
let hosted: Hosted
beforeAll(async () => {
  hosted = await startHosted()
  const { stage, microsoft, door } = hosted
  hosted.google.account(ANNA)
  stage.provider.users.add(ANNA)
  door.facts.mostSessions = 10
  microsoft.tenant.mailbox(NEW)
  place = await Place.open()
  await place.init()
  await trustHosted(place, hosted)
  await place.keep('google', 'service-account', stage.serviceAccount([READING, WRITING]))
  await place.keep('app', 'client-secret', microsoft.tenant.clientSecret)
}, 60_000)
afterAll(async () => {
  await place.close()
  await hosted.stop()
})

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
    const found = await findAt(gmailEnd(hosted), graphEnd(hosted), `${ANNA},${NEW}`)
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
    const mailbox = hosted.microsoft.tenant.mailbox(NEW)
    const trash = mailbox.folder('deleteditems')
    const scratch = mailbox.folders.find(({ name }) => name === 'Sealpost doctor')
    expect(scratch?.parent).toBe(trash)
    expect([...mailbox.items.values()].filter(({ folder }) => folder !== scratch)).toEqual([])
    expect(found.get('scratch-mailbox')?.text).toContain('deleted items')
  })

  it('finds out what Google leaves open, and puts what it wrote into the trash', async () => {
    hosted.google.unitsPerMinute = 6_000
    const found = await findAt(graphEnd(hosted), gmailEnd(hosted), `${NEW},${ANNA}`)
    hosted.google.unitsPerMinute = Infinity
    expect(found.get('max-message')?.text).toMatch(/^an upload of 50 MiB may begin, a larger one is refused/)
    expect(found.get('label-name')?.text).toBe('names of 225 characters are taken; longer ones are refused')
    expect(found.get('label-taken')?.text).toMatch(/refused: aborted Label name exists/)
    expect(found.get('quota-class')).toMatchObject({ state: 'good', hint: null })
    expect(found.get('quota-class')?.text).toMatch(/then it was enough: the project has 6,000 units/)
    const account = hosted.google.account(ANNA)
    expect([...account.labels.values()].filter(({ type }) => type === 'user')).toEqual([])
    expect(account.messages.size).toBeGreaterThan(5)
    expect([...account.messages.values()].every(({ labels }) => labels.has('TRASH'))).toBe(true)
  })
})
