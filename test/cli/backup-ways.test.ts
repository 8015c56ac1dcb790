import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { RECEIPT_NAMESPACE } from '../../src/cli/backup/confirm.ts'
import { generateAgeKeys, type AgeKeys } from '../../vault/age-key.ts'
import { lacking } from '../packages.ts'
import { MAILDIR_YAML, Place, type Ended } from './program.ts'

/** What `backup`, `restore`, `handover` and `discard` can be told, one project from its first backup to its abandoned end. */
let place: Place
let keys: AgeKeys
let identity = ''

beforeAll(async () => {
  place = await Place.open()
  keys = await generateAgeKeys()
  identity = join(place.folder, 'key.txt')
  writeFileSync(identity, `${keys.identity.text()}\n`, { mode: 0o600 })
  await place.init()
  await place.fillMaildir('anna', 3)
  await place.fillMaildir('bert', 2)
  fillSent()
  const csv = 'source,destination\nanna,anna.neu\nbert,bert.neu\ncleo,cleo.neu\ndora,dora.neu\n'
  await place.configure(MAILDIR_YAML, csv)
  for (const empty of ['cleo', 'dora']) await place.fillMaildir(empty, 0)
})
afterAll(async () => {
  await place.close()
})

const YEARS = [2019, 2020, 2021, 2022]

/** One message a year, in a mailbox below the inbox's side. */
function fillSent(): void {
  const folder = join(place.project, 'old', 'anna', '.Sent')
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(folder, part), { recursive: true })
  for (const year of YEARS) {
    const path = join(folder, 'cur', `${year}.M1P1.example:2,S`)
    writeFileSync(path, `Message-ID: <sent.${year}@example.com>\r\nSubject: ${year}\r\n\r\nSent ${year}\r\n`)
    utimesSync(path, new Date(`${year}-06-01T12:00:00Z`), new Date(`${year}-06-01T12:00:00Z`))
  }
}

function filesIn(name = 'backups'): readonly string[] {
  const folder = join(place.project, name)
  return existsSync(folder)
    ? readdirSync(folder)
        .sort()
        .map((file) => join(folder, file))
    : []
}

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')
const restore = (...words: readonly string[]): Promise<Ended> =>
  place.run(['restore', ...filesIn('all'), '--identity', identity, ...words])

/** The years of what lies in a mailbox at the destination, or the numbers of the inbox. */
function delivered(account: string, mailbox = ''): readonly string[] {
  return ['cur', 'new']
    .map((part) => join(place.project, 'new', account, mailbox, part))
    .flatMap((path) => (existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : []))
    .map((path) => /Message-ID: <(?:sent\.)?(\d+)/.exec(readFileSync(path, 'latin1'))?.[1] ?? '')
    .sort()
}

it('one file for all accounts, elsewhere', async () => {
  const words = ['backup', '--per', 'project', '--to', 'all', '--recipient', keys.recipient]
  const both = await place.run([...words, '--mailbox', 'anna'])
  expect(both).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--per project') as string })
  expect(filesIn('all')).toEqual([])
  expect(await place.run(words)).toMatchObject({ exitCode: 0, stderr: '' })
  expect(filesIn('all').map((path) => basename(path))).toEqual([
    expect.stringMatching(/^project\.[0-9a-f]{6}\.b001\.v001\.age$/),
  ])
  expect(filesIn()).toEqual([])
  const seen = await place.bare(['backup', 'verify', ...filesIn('all'), '--identity', identity, '--json'])
  const { accounts } = JSON.parse(seen.stdout) as { accounts: readonly { account: string; messages: number }[] }
  expect(Object.fromEntries(accounts.map(({ account, messages }) => [account, messages]))).toEqual({
    anna: 3 + YEARS.length,
    bert: 2,
    cleo: 0,
    dora: 0,
  })
})

it('a mailbox by its glob, a range of dates, and into another account', async () => {
  const several = await restore('--into', 'cleo.neu')
  expect(several).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('--into takes one account') as string,
  })
  const nowhere = await restore('--account', 'anna', '--into', 'nobody')
  expect(nowhere).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('nobody is no account') as string })
  const nobody = await restore('--account', 'zoe')
  expect(nobody).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('has no such account. It has: anna, bert') as string,
  })
  expect((await restore('--after', 'yesterday')).exitCode).toBe(2)
  for (const account of ['anna.neu', 'bert.neu', 'cleo.neu', 'dora.neu']) expect(delivered(account)).toEqual([])
  const ranged = ['--only', 'Sent', '--after', '2020-01-01', '--before', '2022-01-01']
  expect(await restore('--account', 'anna', '--into', 'cleo.neu', ...ranged)).toMatchObject({
    exitCode: 0,
    stderr: '',
  })
  expect(delivered('cleo.neu', '.Sent')).toEqual(['2020', '2021'])
  expect(delivered('cleo.neu')).toEqual([])
  expect(await restore('--account', 'anna', '--into', 'dora.neu', '--only', 'INBOX')).toMatchObject({
    exitCode: 0,
  })
  expect(delivered('dora.neu')).toEqual(['1', '2', '3'])
  expect(delivered('dora.neu', '.Sent')).toEqual([])
  expect(delivered('anna.neu')).toEqual([])
})

const noKeygen = lacking('openssh-client')

it.skipIf(noKeygen !== null)(
  `the client’s signed receipt${noKeygen === null ? '' : ` (${noKeygen})`}`,
  async () => {
    const [file = ''] = filesIn('all')
    const key = join(place.folder, 'client')
    const receipt = join(place.folder, 'receipt.txt')
    expect(spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]).status).toBe(0)
    writeFileSync(receipt, `${sha256(file)}  ${basename(file)}\n`)
    expect(spawnSync('ssh-keygen', ['-Y', 'sign', '-f', key, '-n', RECEIPT_NAMESPACE, receipt]).status).toBe(0)
    const pub = readFileSync(`${key}.pub`, 'utf8').trim()
    const hand = (...words: readonly string[]): Promise<Ended> => place.run(['backup', 'handover', file, ...words])
    const early = await hand('--receipt', receipt, '--receipt-key', pub)
    expect(early).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('was never handed over') as string,
    })
    expect((await hand('--to', 'Jane Doe', '--language', 'ar')).exitCode).toBe(0)
    const nameless = await hand('--receipt', receipt)
    expect(nameless).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--receipt-key') as string })
    const stranger = `${pub.slice(0, 40)}${pub[40] === 'A' ? 'B' : 'A'}${pub.slice(41)}`
    expect((await hand('--receipt', receipt, '--receipt-key', stranger)).exitCode).toBe(4)
    expect(existsSync(file)).toBe(true)
    const confirmed = await hand('--receipt', receipt, '--receipt-key', pub, '--json')
    expect(confirmed).toMatchObject({ exitCode: 0, stderr: '' })
    expect(JSON.parse(confirmed.stdout)).toMatchObject({
      confirmed: true,
      by: 'receipt',
      key: expect.stringMatching(/^SHA256:/) as string,
    })
    expect(existsSync(file)).toBe(false)
    expect(await hand('--receipt', receipt, '--receipt-key', pub)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('our copy is gone already') as string,
    })
  },
)

it('a backup that nobody is to have is discarded, with the reason', async () => {
  expect(
    (await place.run(['backup', '--recipient', keys.recipient, '--mailbox', 'bert', '--mailbox', 'anna']))
      .exitCode,
  ).toBe(0)
  const [anna = '', bert = ''] = filesIn()
  expect((await place.run(['backup', 'discard', bert])).exitCode).toBe(2)
  const stranger = await place.run(['backup', 'discard', 'another.age', '--reason', 'x'])
  expect(stranger).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('is no backup of this project') as string,
  })
  const discarded = await place.run(['backup', 'discard', bert, '--reason', 'taken too early', '--json'])
  expect(discarded).toMatchObject({ exitCode: 0, stderr: '' })
  expect(JSON.parse(discarded.stdout)).toEqual({ discarded: [bert] })
  expect(filesIn()).toEqual([anna])
  const again = await place.run(['backup', 'discard', bert, '--reason', 'taken too early'])
  expect(again).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('was not where it was written any more') as string,
  })
})

it('an abandoned project whose keys are gone still looks for backups', async () => {
  const { id } = JSON.parse(readFileSync(join(place.project, '.sealpost', 'project.json'), 'utf8')) as {
    id: string
  }
  rmSync(join(place.home, 'keystore', 'slots', id))
  const words = ['signoff', '--by', 'Eva', '--abandon', '--reason', 'the shred key was lost']
  const given = { environment: { TMPDIR: place.home } }
  const [left = ''] = filesIn()
  const refused = await place.run(words, given)
  expect(refused.exitCode).toBe(4)
  expect(refused.stdout).toContain(`${basename(left)}: a backup, and what would show whether the client has it`)
  expect(existsSync(left)).toBe(true)
  renameSync(left, join(place.folder, basename(left)))
  expect((await place.run(words, given)).exitCode).toBe(0)
  const path = join(place.project, 'certificate', 'deletion-certificate.json')
  const { backups } = JSON.parse(readFileSync(path, 'utf8')) as { backups: { text: string } }
  expect(backups.text).toMatch(
    /3 files were written, of which the client confirmed 1 and 1 was discarded; the whereabouts of 1 are unknown/,
  )
})
