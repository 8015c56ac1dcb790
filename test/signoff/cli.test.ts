import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { lockSignoff, openJournal } from '../../src/cli/signoff/journal.ts'
import { lockProject } from '../../src/cli/project/lock.ts'
import type { DeletionCertificate } from '../../src/core/certificate.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { PurgeState } from '../../src/signoff/state.ts'
import { MAILDIR_YAML, Place, PROGRAM, type Ended, type Given } from '../cli/program.ts'
import { validate, type Schema } from './json-schema.ts'
import { filesBelow } from './place.ts'

const SECRET = 'Sommerregen-4711-im-Vertrag'
const SCHEMA = JSON.parse(
  readFileSync(new URL('../../docs/schemas/deletion-certificate.schema.json', import.meta.url), 'utf8'),
) as Schema
let place: Place
let temporary = ''

beforeEach(async () => {
  place = await Place.open()
  temporary = join(place.folder, 'temporary')
  mkdirSync(temporary)
})
afterEach(() => place.close())

/** The program with a folder of its own for temporary files, which sign-off searches. */
function run(words: readonly string[], given: Given = {}): Promise<Ended> {
  return place.run(words, { ...given, environment: { ...given.environment, TMPDIR: temporary } })
}

function bare(words: readonly string[], given: Given = {}): Promise<Ended> {
  return place.bare(words, { cwd: place.project, ...given, environment: { TMPDIR: temporary } })
}

async function makeProject(csv = 'source,destination\nanna,anna\n'): Promise<string> {
  const { stdout, exitCode } = await place.init('--json')
  expect(exitCode).toBe(0)
  await place.configure(MAILDIR_YAML, csv)
  await place.fillMaildir('anna', 4)
  const set = await run(['credentials', 'set', 'admin', '--secret-fd', '3'], { third: `${SECRET}\n` })
  expect(set.exitCode).toBe(0)
  return (JSON.parse(stdout) as { certificateFingerprint: string }).certificateFingerprint
}

async function moveAndVerify(): Promise<void> {
  expect((await run(['run'])).exitCode).toBe(0)
  expect((await run(['verify', '--level', 'full'])).exitCode).toBe(0)
}

function certificateFile(): string {
  return join(place.project, 'certificate', 'deletion-certificate.json')
}

function projectId(): string {
  const record = readFileSync(join(place.project, '.sealpost', 'project.json'), 'utf8')
  return (JSON.parse(record) as { id: string }).id
}

async function readCertificate(): Promise<DeletionCertificate> {
  return JSON.parse(await readFile(certificateFile(), 'utf8')) as DeletionCertificate
}

describe('the whole road', () => {
  test('from init to a certificate that anybody can check', async () => {
    const fingerprint = await makeProject()
    const early = await run(['signoff', '--by', 'Eva Muster', '--json'])
    expect(early.exitCode).toBe(4)
    expect(JSON.parse(early.stdout)).toMatchObject({
      signedOff: false,
      refused: [{ code: 'not-moved', acceptAs: 'not-moved:anna' }],
    })
    expect((await run(['run'])).exitCode).toBe(0)
    const unverified = await run(['signoff', '--by', 'Eva Muster'])
    expect(unverified.exitCode).toBe(4)
    expect(unverified.stdout).toMatch(/4 messages never verified.*sealpost verify/)
    expect((await run(['verify', '--level', 'full'])).exitCode).toBe(0)

    mkdirSync(join(place.project, 'reports'))
    writeFileSync(join(place.project, 'reports', 'report.html'), '<p>done</p>')
    const leak = join(temporary, 'note.txt')
    writeFileSync(leak, Buffer.from(`x${SECRET}`).toString('base64'))
    const leaking = await run(['signoff', '--by', 'Eva Muster'])
    expect(leaking.exitCode).toBe(4)
    expect(leaking.stderr).toContain(leak)
    expect(leaking.stdout + leaking.stderr).not.toContain(SECRET)
    expect((await run(['status'])).exitCode).toBe(0)
    rmSync(leak)

    const copy = join(place.folder, 'copy')
    cpSync(place.project, join(copy, 'project'), { recursive: true })
    cpSync(place.home, join(copy, 'workspace'), { recursive: true })

    const words = [
      'signoff',
      '--by',
      'Eva Muster',
      '--title',
      'Head of IT',
      '--location',
      'Bonn',
      '--language',
      'ar',
    ]
    const done = await run([...words, '--json'])
    expect(done.stderr).toBe('')
    expect(done.exitCode).toBe(0)
    const told = JSON.parse(done.stdout) as { certificate: { id: string; sha256: string } }
    expect(told).toMatchObject({
      signedOff: true,
      certificate: { fingerprint, deliveryCertified: true, resumptions: 1, clientMustRotate: ['admin'] },
    })
    const certificate = await readCertificate()
    expect(validate(SCHEMA, certificate)).toEqual([])
    expect(certificate.id).toBe(told.certificate.id)
    expect(certificate.delivery.messages).toMatchObject({ source: 4, landed: 4, neverVerified: 0 })
    expect(certificate.process.obstacles).toMatchObject([{ step: 'search-secrets' }])
    expect(certificate.audit.checkpoint).toMatch(/^sealpost\/audit\/[0-9a-f]{8}\n\d+\n/)
    expect(certificate.retained).toHaveLength(3)
    expect(certificate.verification.canaries.every(({ proven }) => proven)).toBe(true)
    expect(readFileSync(join(place.project, 'certificate', 'deletion-certificate.html'), 'utf8')).toContain(
      'dir="rtl"',
    )
    const left = filesBelow(place.project).filter((path) => !/^(?:certificate|old|new)\//.test(path))
    expect(left).toEqual([])
    expect(filesBelow(join(place.project, 'new', 'anna')).filter((path) => path.includes('cur/'))).toHaveLength(4)

    const again = await bare(['signoff', '--json'])
    expect(again.exitCode).toBe(0)
    expect(JSON.parse(again.stdout)).toMatchObject({ signedOff: true, certificate: told.certificate })
    const late = await run(['status'])
    expect(late.exitCode).toBe(2)
    expect(late.stderr).toMatch(
      /^sealpost: the project in \S+ was signed off, and nothing of it is held any more\. /,
    )
    const folder = await run(['certificate', 'verify', join(place.project, 'certificate')])
    expect(folder.exitCode).toBe(2)
    expect(folder.stderr).toMatch(/ is a folder\. Name the deletion-certificate\.json in it\.\n$/)

    const verify = ['certificate', 'verify', certificateFile()]
    const elsewhere = { cwd: place.folder, environment: { SEALPOST_HOME: join(place.folder, 'nowhere') } }
    const embedded = await place.bare(verify, elsewhere)
    expect(embedded.exitCode).toBe(0)
    expect(embedded.stdout).toContain('trust: embedded')
    expect(embedded.stdout).toContain(fingerprint)
    const given = await place.bare([...verify, '--key', fingerprint, '--json'], elsewhere)
    expect(given.exitCode).toBe(0)
    expect(JSON.parse(given.stdout)).toMatchObject({ good: true, trust: 'given', fingerprint })
    const wrong = await place.bare([...verify, '--key', `SHA256:${'A'.repeat(43)}`], elsewhere)
    expect(wrong.exitCode).toBe(1)
    expect((await place.bare(['certificate', 'verify', 'none.json'], elsewhere)).exitCode).toBe(2)
    expect((await place.bare([...verify, '--key', 'no fingerprint'], elsewhere)).exitCode).toBe(2)
    writeFileSync(certificateFile(), readFileSync(certificateFile(), 'utf8').replace('Eva Muster', 'Eva Meister'))
    expect((await place.bare(verify, elsewhere)).exitCode).toBe(1)

    // The copy that was made before, of everything: without the slot the passphrase opens nothing of it.
    const slots = join(copy, 'workspace', 'keystore', 'slots')
    for (const name of filesBelow(slots).filter((path) => path !== 'CACHEDIR.TAG')) rmSync(join(slots, name))
    const opened = await run(['status'], {
      cwd: join(copy, 'project'),
      environment: { SEALPOST_HOME: join(copy, 'workspace') },
    })
    expect(opened.exitCode).toBe(5)
    expect(opened.stderr).toContain('shred key')
  }, 180_000)
})

describe('signoff', () => {
  test('is refused while a run holds the project, and to nobody in particular', async () => {
    await makeProject()
    const lock = await lockProject(join(place.project, '.sealpost'), systemClock)
    const busy = await run(['signoff', '--by', 'Eva'])
    await lock.release()
    expect(busy.exitCode).toBe(4)
    expect(busy.stderr).toMatch(/a run is active: process \d+/)
    expect((await run(['signoff'])).exitCode).toBe(2)
    expect((await run(['signoff', '--by', 'Eva', '--accept', 'missing'])).exitCode).toBe(2)
    expect((await run(['signoff', '--by', 'Eva', '--abandon'])).exitCode).toBe(2)
    expect((await run(['signoff', '--by', 'Eva', '--accept', 'missing', '--reason', 'x'])).exitCode).toBe(2)
    expect(filesBelow(place.home).filter((path) => path.startsWith('signoff/'))).toEqual([])
  }, 120_000)

  test('is refused while somebody reads the ledger, who is named, and not by what a killed reader left', async () => {
    await makeProject()
    await moveAndVerify()
    const state = join(place.project, '.sealpost')
    const notes = (): string[] => readdirSync(state).filter((name) => name.startsWith('reader-'))
    // On a terminal it watches until q is pressed, also where no run is under way.
    const words = [
      'exec',
      process.execPath,
      ...PROGRAM,
      'status',
      '--watch',
      '--passphrase-file',
      place.passphraseFile,
    ]
    const watching = execa('/usr/bin/script', ['-qefc', words.join(' '), '/dev/null'], {
      cwd: place.project,
      env: { PATH: process.env['PATH'], HOME: place.folder, SEALPOST_HOME: place.home, TMPDIR: temporary },
      extendEnv: false,
      reject: false,
      stdin: 'pipe',
      timeout: 120_000,
    })
    for (let look = 0; notes().length === 0 && look < 3_000; look++)
      await new Promise((done) => setTimeout(done, 20))
    expect(notes()).toHaveLength(1)
    const { pid } = JSON.parse(readFileSync(join(state, notes()[0] ?? ''), 'utf8')) as { pid: number }
    const refused = await run(['signoff', '--by', 'Eva'])
    expect(refused.exitCode).toBe(4)
    const line = `sealpost: the ledger is being read: process ${pid} on `
    expect(refused.stderr.split('\n').filter((each) => each.startsWith(line))).toHaveLength(1)
    expect(refused.stderr).toMatch(/\(\S+, status\) since \d{4}-\S+Z.*End it \(q or Ctrl-C\)/)
    expect(existsSync(join(state, 'ledger.db'))).toBe(true)
    expect(existsSync(certificateFile())).toBe(false)
    // A reader beside it changes nothing, and takes its own note away.
    expect((await run(['status'])).exitCode).toBe(0)
    expect(notes()).toHaveLength(1)

    process.kill(pid, 'SIGKILL')
    await watching
    expect(notes()).toHaveLength(1)
    const lock = await lockSignoff(place.home, projectId(), systemClock)
    const late = await run(['status'])
    await lock.release()
    expect({ exitCode: late.exitCode, notes: notes().length }).toEqual({ exitCode: 6, notes: 1 })
    expect(late.stderr).toContain(`process ${process.pid} has been at the sign-off of this project since`)

    expect((await run(['signoff', '--by', 'Eva'])).exitCode).toBe(0)
    expect(existsSync(state)).toBe(false)
  }, 180_000)

  test('takes what the signatory accepts, and says so in the certificate', async () => {
    await makeProject('source,destination\nanna,anna\nben,ben\n')
    // The list lies elsewhere, behind a link in the project: it is not the project's, and stays.
    const elsewhere = join(place.folder, 'elsewhere')
    mkdirSync(elsewhere)
    const list = join(elsewhere, 'mailboxes.csv')
    renameSync(join(place.project, 'mailboxes.csv'), list)
    symlinkSync(elsewhere, join(place.project, 'lists'))
    await place.configure(`${MAILDIR_YAML}mailboxes: lists/mailboxes.csv\n`, '')
    rmSync(join(place.project, 'mailboxes.csv'))
    await place.fillMaildir('ben', 1)
    expect((await run(['run', '--mailbox', 'anna'])).exitCode).toBe(0)
    const cur = join(place.project, 'new', 'anna', 'cur')
    // Its user was quicker than the first verification.
    rmSync(join(cur, readdirSync(cur)[0] ?? ''))
    expect((await run(['verify', '--mailbox', 'anna'])).exitCode).toBe(3)
    const yaml = join(place.project, 'project.yaml')
    const settings = readFileSync(yaml, 'utf8')
    writeFileSync(yaml, `${settings}filters: { skip_deleted: true }\n`)
    const refused = await run(['signoff', '--by', 'Eva'])
    writeFileSync(yaml, settings)
    expect(refused.exitCode).toBe(4)
    expect(refused.stdout).toContain('retry --missing, or --accept missing:anna')
    expect(refused.stdout).toContain('anna: not moved since filters or mapping ask for something else')
    expect(refused.stdout).toContain('ben: never moved')
    const accept = ['--accept', 'not-moved:ben', '--reason', 'left the company']
    accept.push('--accept', 'missing:anna', '--reason', 'deleted by Anna')
    expect((await run(['signoff', '--by', 'Eva', ...accept])).exitCode).toBe(0)
    const certificate = await readCertificate()
    expect(validate(SCHEMA, certificate)).toEqual([])
    const { acceptedExceptions, residualRisks, delivery } = certificate
    expect(acceptedExceptions).toEqual([
      { class: 'not-moved', mailbox: 'ben', count: 1, reason: 'left the company' },
      { class: 'missing', mailbox: 'anna', count: 1, reason: 'deleted by Anna' },
    ])
    expect(delivery.messages).toMatchObject({ source: 4, landed: 4, neverVerified: 1 })
    expect(readFileSync(list, 'utf8')).toContain('ben,ben')
    expect(residualRisks.find(({ code }) => code === 'left-outside')?.text).toContain(list)
  }, 120_000)

  test('abandons a project that was never moved, also when its settings cannot be read', async () => {
    await makeProject()
    const list = join(place.folder, 'list.csv')
    writeFileSync(list, 'side,account,secret\nsource,anna,a-password-in-the-clear\n', { mode: 0o600 })
    expect((await run(['credentials', 'import', '--plaintext-file', list])).exitCode).toBe(0)
    rmSync(list)
    writeFileSync(join(place.project, 'project.yaml'), 'version: [')
    expect((await run(['signoff', '--by', 'Eva'])).exitCode).toBe(2)
    const done = await run(['signoff', '--by', 'Eva', '--abandon', '--reason', 'the client withdrew'])
    expect(done.exitCode).toBe(0)
    expect(done.stdout).toContain('not certified')
    const certificate = await readCertificate()
    expect(validate(SCHEMA, certificate)).toEqual([])
    expect(certificate.delivery).toMatchObject({ certified: false, abandoned: { reason: 'the client withdrew' } })
    expect(certificate.residualRisks.map(({ code }) => code)).toContain('plaintext-import')
    expect(certificate.keys.encryptedSince).toMatch(/residual risk/)
    expect(existsSync(join(place.project, '.sealpost'))).toBe(false)
  }, 120_000)

  test('does not destroy the keys of a living project whose id stands in the record of another folder', async () => {
    await makeProject()
    const other = join(place.folder, 'other')
    const [state, id] = [join(other, '.sealpost'), projectId()]
    mkdirSync(state, { recursive: true, mode: 0o700 })
    const record = { version: 1, id, client: 'Somebody else', created: '2026-01-01T00:00:00Z', place: other }
    writeFileSync(join(state, 'project.json'), JSON.stringify(record), { mode: 0o600 })
    for (const name of ['project.yaml', 'mailboxes.csv']) cpSync(join(place.project, name), join(other, name))
    const abandon = ['signoff', '--by', 'Eva', '--abandon', '--reason', 'the client withdrew']
    for (const words of [abandon, [...abandon, '--confirm', id.slice(0, 8)]]) {
      const refused = await run([...words, '--json'], { cwd: other })
      expect(refused.exitCode).toBe(4)
      expect(JSON.parse(refused.stdout)).toMatchObject({ signedOff: false, refused: [{ code: 'other-folder' }] })
    }
    expect((await run(['credentials', 'list'])).stdout).toContain('admin')
    // All that opened was lost: what is left is destroyed all the same, once its id is typed.
    rmSync(join(place.project, '.sealpost'), { recursive: true })
    expect((await run([...abandon, '--confirm', id], { cwd: other })).exitCode).toBe(0)
    expect(filesBelow(place.home).filter((path) => path.includes(id))).toEqual([])
  }, 120_000)

  test('touches no mail that lies where it removes files, also of accounts that were struck off the list', async () => {
    await makeProject()
    await place.configure(MAILDIR_YAML.replace('new/', 'backups/'), 'source,destination\nanna,anna\n')
    await moveAndVerify()
    const stores = (): readonly string[] => filesBelow(place.project).filter((path) => path.startsWith('backups/'))
    const before = stores()
    expect(before.length).toBeGreaterThanOrEqual(4)
    const refusals = async (...words: readonly string[]): Promise<string> => {
      const { exitCode, stdout } = await run(['signoff', '--by', 'Eva', ...words])
      expect(exitCode).toBe(4)
      expect(stores()).toEqual(before)
      return stdout
    }
    expect(await refusals()).toContain(`${join(place.project, 'backups', 'anna')} is a mail store`)
    await place.configure(MAILDIR_YAML.replace('new/', 'backups/'), 'source,destination\nben,ben\n')
    const abandon = ['--abandon', '--reason', 'the client withdrew']
    expect(await refusals(...abandon)).toContain('mail store')
    writeFileSync(join(place.project, 'project.yaml'), 'version: [')
    expect(await refusals(...abandon)).toContain('may be a mail store')
  }, 120_000)

  test('killed at any time goes on where it was', async () => {
    await makeProject()
    await moveAndVerify()
    const words = ['signoff', '--passphrase-file', place.passphraseFile, '--by', 'Eva Muster']
    let kills = 0
    for (const killAfter of [700, 850, 1000, 1100, 1200, 1300]) {
      if (existsSync(certificateFile())) break
      const given = { cwd: place.project, environment: { TMPDIR: temporary } }
      const child = place.start(words, given)
      const timer = setTimeout(() => child.kill('SIGKILL'), killAfter)
      await child
      clearTimeout(timer)
      kills++
    }
    expect(kills).toBeGreaterThan(0)
    expect((await run(['signoff', '--by', 'Eva Muster'])).exitCode).toBe(0)
    const { project, people, verification } = await readCertificate()
    expect(project.client).toBe('Beispiel GmbH')
    expect(people.signatory.name).toBe('Eva Muster')
    expect(verification.canaries.every(({ proven }) => proven)).toBe(true)
    expect((await bare(['certificate', 'verify', certificateFile()])).exitCode).toBe(0)
    const journal = filesBelow(place.home).filter((path) => path.startsWith('signoff/') && path.endsWith('.json'))
    if (journal.length > 0) expect((await run(['signoff'])).exitCode).toBe(0)
    expect(filesBelow(place.home).filter((path) => path.startsWith('signoff/'))).toEqual([])
  }, 180_000)

  test('a folder whose project has not been signed off to the end takes no new one', async () => {
    await makeProject()
    const id = projectId()
    const journal = openJournal(place.home, id)
    // As a kill leaves it after the last file of the project has gone.
    await journal.write({ version: 1, project: { id, folder: place.project } } as unknown as PurgeState)
    rmSync(join(place.project, '.sealpost'), { recursive: true })
    const refused = await run(['init', place.project, '--client', 'Another', '--kdf', 'interactive'])
    expect(refused.exitCode).toBe(2)
    expect(refused.stderr).toContain('has not ended')
  }, 60_000)

  test('nothing of the canary shows in the list of credentials', async () => {
    await makeProject()
    const { stdout } = await run(['credentials', 'list', '--json'])
    expect(
      (JSON.parse(stdout) as { credentials: { name: string }[] }).credentials.map(({ name }) => name),
    ).toEqual(['admin'])
    expect((await run(['credentials', 'remove', 'sealpost/canary'])).exitCode).toBe(2)
  }, 60_000)
})
