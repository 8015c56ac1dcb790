import { execFileSync } from 'node:child_process'
import { createReadStream, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openAge } from '../../vault/age.ts'
import { generateAgeKeys } from '../../vault/age-key.ts'
import type { Secret } from '../../vault/secret.ts'
import { lacking } from '../packages.ts'
import { MAILDIR_YAML, Place, type Ended } from '../cli/program.ts'

const noAge = lacking('age')
const NEW_PASSPHRASE = 'what the next lead thought of'

describe('when nobody can open the keystore any more', () => {
  let place: Place
  let file: string
  let identity: string
  let passphrases: string
  let recipient: string
  let companyKey: Secret
  const opened = async (): Promise<string> => {
    const pieces: Uint8Array[] = []
    for await (const piece of openAge(companyKey, createReadStream(file))) pieces.push(piece)
    return Buffer.concat(pieces).toString('utf8')
  }
  const use = (words: readonly string[], third?: string): Promise<Ended> =>
    place.bare(
      [
        'operator',
        'recovery',
        'use',
        ...words,
        '--kdf',
        'interactive',
        '--passphrase-file',
        passphrases,
        '--json',
      ],
      third === undefined ? {} : { third },
    )
  const as = (operator: string, ...words: string[]): Promise<Ended> =>
    place.bare([...words, '--operator', operator, '--passphrase-file', passphrases], { cwd: place.project })

  beforeAll(async () => {
    place = await Place.open()
    file = join(place.folder, 'recovery.age')
    identity = join(place.folder, 'identity')
    passphrases = join(place.folder, 'new-passphrase')
    const keys = await generateAgeKeys()
    recipient = keys.recipient
    companyKey = keys.identity
    writeFileSync(identity, `# of the company\n${keys.identity.text()}\n`, { mode: 0o600 })
    writeFileSync(passphrases, `${NEW_PASSPHRASE}\n`, { mode: 0o600 })
    expect((await place.init('--operator', 'ada')).exitCode).toBe(0)
    await place.configure(MAILDIR_YAML, 'source,destination\nanna,anna\n')
    expect((await place.run(['hold', 'set', '--reason', 'a court asks'])).exitCode).toBe(0)
  })
  afterAll(() => place.close())

  it('there is a file for it, which age opens and which says nothing of projects', async () => {
    const without = await place.run(['operator', 'recovery', '--out', file])
    expect(without).toMatchObject({ exitCode: 2 })
    expect((await place.run(['operator', 'recovery', '--recipient', 'age1nobody', '--out', file])).exitCode).toBe(
      2,
    )
    const made = await place.run(['operator', 'recovery', '--recipient', recipient, '--out', file, '--json'])
    expect(made.exitCode, made.stderr).toBe(0)
    expect(JSON.parse(made.stdout)).toEqual({ file, recipients: [recipient] })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const fields = Object.keys(JSON.parse(await opened()) as object)
    expect(fields).toEqual(['format', 'version', 'issued', 'recordsKey', 'operators'])
  })

  it.skipIf(noAge !== null)(`age itself opens it${noAge === null ? '' : ` (${noAge})`}`, async () => {
    expect(execFileSync('age', ['-d', '-i', identity, file], { encoding: 'utf8' })).toBe(await opened())
  })

  it('is refused without the identity, under a name from before, and for what is no recovery file', async () => {
    const other = join(place.folder, 'other-identity')
    writeFileSync(other, `${(await generateAgeKeys()).identity.text()}\n`, { mode: 0o600 })
    expect((await use([file, '--identity', other, '--operator', 'eva'])).exitCode).toBe(5)
    expect((await use([file, '--operator', 'eva'])).exitCode).toBe(2)
    expect((await use([file, '--identity', identity])).stderr).toContain('who is to be the new lead?')
    const taken = await use([file, '--identity', identity, '--operator', 'ada'])
    expect(taken.stderr).toContain('ada is, or was, an operator')
    expect((await use(['--fd', '3', '--operator', 'eva'], '{"format":"x"}')).exitCode).toBe(1)
    expect(existsSync(join(place.home, 'keystore-before-1'))).toBe(false)
    expect((await place.run(['hold', 'list'])).exitCode).toBe(0)
  })

  it('records and log go on under a new lead, and projects stay shut', async () => {
    const used = await use([file, '--identity', identity, '--operator', 'eva', '--json'])
    expect(used.exitCode, used.stderr).toBe(0)
    const { recovered, earlierKeys } = JSON.parse(used.stdout) as {
      recovered: { operator: string; before: string; projects: string[] }
      earlierKeys: string[]
    }
    expect(recovered).toMatchObject({ operator: 'eva', before: join(place.home, 'keystore-before-1') })
    expect(recovered.projects).toHaveLength(1)
    expect((await as('eva', 'hold', 'list')).stdout).toContain('a court asks')
    const shown = await as('eva', 'audit', 'show', '--last', '0', '--personal', '--json')
    expect(shown.exitCode, shown.stderr).toBe(0)
    expect(shown.stdout).toContain('Beispiel GmbH')
    expect(shown.stdout).toMatch(/"recovery-set"[^]*"recovery-used"/)
    const verified = await as('eva', 'audit', 'verify', ...earlierKeys.flatMap((key) => ['--key', key]))
    expect(verified.exitCode, verified.stderr).toBe(0)
    const status = await as('eva', 'status')
    expect(status.exitCode).toBe(2)
    expect(status.stderr).toContain('no keys of a project')
    expect((await place.run(['hold', 'list', '--operator', 'ada'])).stderr).toContain('no operator named "ada"')
  })

  it('a passphrase that comes back to mind opens the keystore that was set aside', async () => {
    const keystore = join(place.home, 'keystore')
    await rename(keystore, join(place.home, 'keystore-of-eva'))
    await rename(join(place.home, 'keystore-before-1'), keystore)
    expect((await place.run(['status'])).exitCode).toBe(0)
    await rename(keystore, join(place.home, 'keystore-before-1'))
    await rename(join(place.home, 'keystore-of-eva'), keystore)
  })

  it('the same where the keystore itself is lost, or a recovery was killed after setting it aside', async () => {
    rmSync(join(place.home, 'keystore'), { recursive: true })
    const other = join(place.folder, 'other')
    const made = await as('mia', 'init', other, '--client', 'Drei KG', '--kdf', 'interactive')
    expect(made.exitCode).toBe(4)
    expect(made.stderr).toContain('belongs to a workspace whose keystore is gone')
    const plain = await opened()
    const foreign = plain.replace(
      /"recordsKey":"[^"]*"/,
      `"recordsKey":"${Buffer.alloc(32, 7).toString('base64')}"`,
    )
    expect((await use(['--fd', '3', '--operator', 'mia'], foreign)).exitCode).toBe(5)
    expect(existsSync(join(place.home, 'keystore'))).toBe(false)
    const used = await use(['--fd', '3', '--operator', 'mia', '--json'], plain)
    expect(used.exitCode, used.stderr).toBe(0)
    expect(JSON.parse(used.stdout)).toMatchObject({ recovered: { operator: 'mia', before: null, projects: [] } })
    expect((await as('mia', 'hold', 'list')).stdout).toContain('a court asks')
    expect((await as('mia', 'audit', 'verify')).exitCode).toBe(0)
  })

  it('a file of another workspace is refused, and nothing is set aside', async () => {
    const before = readFileSync(join(place.home, 'keystore', 'operators.json'))
    const plain = await opened()
    const foreign = plain.replace(
      /"recordsKey":"[^"]*"/,
      `"recordsKey":"${Buffer.alloc(32, 7).toString('base64')}"`,
    )
    rmSync(join(place.home, 'records.db'))
    const refused = await use(['--fd', '3', '--operator', 'zoe'], foreign)
    expect(refused.exitCode).toBe(4)
    expect(refused.stderr).toContain('belongs to another workspace')
    expect(readFileSync(join(place.home, 'keystore', 'operators.json')).equals(before)).toBe(true)
  })
})
