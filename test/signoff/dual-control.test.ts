import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openBooks } from '../../src/cli/books/open-books.ts'
import { CERTIFICATE_FILE, CERTIFICATE_NAMESPACE, type DeletionCertificate } from '../../src/core/certificate.ts'
import { systemClock } from '../../src/core/clock.ts'
import { unlockOperator, type UnlockedOperator } from '../../vault/operator.ts'
import { Secret } from '../../vault/secret.ts'
import { MAILDIR_YAML, PASSPHRASE, Place, type Ended } from '../cli/program.ts'
import { lacking } from '../packages.ts'
import { addOperator } from './second-operator.ts'

const SECOND = 'the passphrase of the second person'
const signal = new AbortController().signal
const noSshKeygen = lacking('openssh-client')
let place: Place
let lead: UnlockedOperator

/** A project of nothing but a Maildir, moved and verified, in a workspace with two operators. */
beforeEach(async () => {
  place = await Place.open()
  expect((await place.init('--operator', 'ada')).exitCode).toBe(0)
  await place.configure(MAILDIR_YAML, 'source,destination\nanna,anna\n')
  await place.fillMaildir('anna', 1)
  const passphrase = Secret.fromBytes(Buffer.from(PASSPHRASE, 'utf8'))
  lead = await unlockOperator(place.home, { operator: 'ada', systemUser: 'nobody', passphrase })
  await addOperator(place.home, lead, 'ben', 'engineer', SECOND)
  expect((await place.run(['run', '--operator', 'ada'])).exitCode).toBe(0)
  expect((await place.run(['verify', '--operator', 'ada'])).exitCode).toBe(0)
})
afterEach(async () => {
  lead.wipe()
  await place.close()
})

function signoff(words: readonly string[], third?: string): Promise<Ended> {
  return place.run(['signoff', '--by', 'Eva', '--operator', 'ada', ...words], {
    environment: { TMPDIR: place.folder },
    ...(third === undefined ? {} : { third: `${third}\n` }),
  })
}

function readCertificate(): DeletionCertificate {
  return JSON.parse(
    readFileSync(join(place.project, 'certificate', CERTIFICATE_FILE), 'utf8'),
  ) as DeletionCertificate
}

describe('dual control', () => {
  test('is required where two could sign, needs another person, and both sign', async () => {
    const alone = await signoff([])
    expect(alone.exitCode).toBe(4)
    expect(alone.stdout).toMatch(/2 operators could sign.*--second/)
    expect((await signoff(['--second', 'ada', '--second-passphrase-fd', '3'], PASSPHRASE)).exitCode).toBe(4)
    expect((await signoff(['--second', 'ben', '--second-passphrase-fd', '3'], 'not his')).exitCode).toBe(5)
    expect((await signoff(['--second', 'carl', '--second-passphrase-fd', '3'], SECOND)).exitCode).toBe(2)
    const done = await signoff(['--second', 'ben', '--second-passphrase-fd', '3'], SECOND)
    expect(done.exitCode).toBe(0)
    const { people } = readCertificate()
    expect(people.operator).toMatchObject({ name: 'ada', role: 'lead' })
    expect(people.second).toMatchObject({ name: 'ben', role: 'engineer' })
    expect(people.dualControl).toBe('signed by ada, and by ben as the second person')
    const folder = join(place.project, 'certificate')
    const verified = await place.bare(['certificate', 'verify', join(folder, CERTIFICATE_FILE), '--json'])
    expect(JSON.parse(verified.stdout)).toMatchObject({ good: true })
    expect((JSON.parse(verified.stdout) as { checks: unknown[] }).checks).toHaveLength(4)
    if (noSshKeygen === null) {
      const words = ['-Y', 'verify', '-f', 'allowed_signers', '-I', 'operator-ben', '-n', CERTIFICATE_NAMESPACE]
      const signature = `${CERTIFICATE_FILE}.second.sshsig`
      const input = readFileSync(join(folder, CERTIFICATE_FILE))
      expect(spawnSync('ssh-keygen', [...words, '-s', signature], { cwd: folder, input }).status).toBe(0)
    }
    // One person's signature in the place of the other's does not hold.
    const [first, second] = ['operator', 'second'].map((who) => join(folder, `${CERTIFICATE_FILE}.${who}.sshsig`))
    writeFileSync(second ?? '', readFileSync(first ?? ''))
    expect((await place.bare(['certificate', 'verify', join(folder, CERTIFICATE_FILE)])).exitCode).toBe(1)
  }, 180_000)

  test('can be waived with a reason, which the certificate gives', async () => {
    expect((await signoff(['--alone', 'ben is on leave'])).exitCode).toBe(0)
    expect(readCertificate().people).toMatchObject({
      second: null,
      dualControl: 'waived by ada: ben is on leave',
    })
  }, 120_000)
})

test('a hold in the records blocks a sign-off, an abandoned one too, until it is released', async () => {
  const books = await openBooks(place.home, lead, systemClock)
  const { id } = JSON.parse(readFileSync(join(place.project, '.sealpost', 'project.json'), 'utf8')) as {
    id: string
  }
  const hold = await books.withRecords(
    (records) => records.setHold(books.actor, id, 'a court asked for it', signal),
    signal,
  )
  const waived = ['--alone', 'ben is on leave']
  for (const words of [waived, [...waived, '--abandon', '--reason', 'x']]) {
    const held = await signoff(words)
    expect(held.exitCode).toBe(4)
    expect(held.stdout).toMatch(/legal hold by ada/)
  }
  await books.withRecords((records) => records.releaseHold(books.actor, hold, 'settled', signal), signal)
  expect((await signoff(waived)).exitCode).toBe(0)
  const record = await books.withRecords((records) => records.show(id), signal)
  const certificate = readFileSync(join(place.project, 'certificate', CERTIFICATE_FILE))
  expect(Buffer.from(record.documents?.certificate ?? []).equals(certificate)).toBe(true)
  expect(record).toMatchObject({ client: 'Beispiel GmbH', abandoned: false })
  const actions: string[] = []
  for await (const { entry } of books.log.entries(signal)) if (entry !== null) actions.push(entry.action)
  expect(actions.filter((action) => action === 'signoff-step')).toHaveLength(11)
  expect(actions.slice(-2)).toEqual(['record-added', 'signoff-finished'])
  const verification = await books.withOpener((opener) =>
    books.log.verify({ heads: [], keys: books.verifierKeys, opener }, signal),
  )
  expect(verification.intact).toBe(true)
}, 180_000)
