import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateAgeKeys, type AgeKeys } from '../../vault/age-key.ts'
import { MAILDIR_YAML, Place, type Ended } from './program.ts'

let place: Place
let keys: AgeKeys
let identity = ''

beforeAll(async () => {
  place = await Place.open()
  keys = await generateAgeKeys()
  identity = join(place.folder, 'key.txt')
  writeFileSync(identity, `# public key: ${keys.recipient}\n${keys.identity.text()}\n`, { mode: 0o600 })
  await place.init()
  await place.fillMaildir('anna', 12)
  await place.fillMaildir('bert', 7)
  await place.configure(MAILDIR_YAML, 'source,destination\nanna,anna.neu\nbert,bert.neu\n')
})
afterAll(async () => {
  await place.close()
})

const folder = (): string => join(place.project, 'backups')
const files = (): readonly string[] =>
  readdirSync(folder())
    .sort()
    .map((name) => join(folder(), name))
const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')
const lastEvent = ({ stdout }: Ended): Record<string, unknown> =>
  JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>
const delivered = (account: string): number =>
  ['cur', 'new'].flatMap((part) => {
    const path = join(place.project, 'new', account, part)
    return existsSync(path) ? readdirSync(path) : []
  }).length

describe('a backup from the command line', () => {
  it('needs a key of the client, and none of ours', async () => {
    expect(await place.run(['backup'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('whom is the backup to be sealed to?') as string,
    })
    expect((await place.run(['backup', '--recipient', 'guess me'])).exitCode).toBe(2)
    expect(existsSync(folder()) ? files() : []).toEqual([])
  })

  it('is one file an account, and what was written is written down', async () => {
    const ended = await place.run(['backup', '--recipient', keys.recipient, '--json'])
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' })
    const { volumes, messages } = lastEvent(ended) as {
      volumes: readonly { file: string; sha256: string; messages: number; last: boolean }[]
      messages: object
    }
    expect(messages).toMatchObject({ source: 19, landed: 19 })
    expect(volumes.map(({ messages: count, last }) => [count, last]).sort()).toEqual([
      [12, true],
      [7, true],
    ])
    expect(files().map(sha256).sort()).toEqual(volumes.map((volume) => volume.sha256).sort())
    // The project's own totals know nothing of it.
    const status = JSON.parse((await place.run(['status', '--json'])).stdout) as { messages: object }
    expect(status.messages).toMatchObject({ source: 0 })
  })

  it('goes on with what is new, under the same keys', async () => {
    const before = files()
    expect(await place.run(['backup'])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('Nothing is new') as string,
    })
    expect(files()).toEqual(before)
    await place.fillMaildir('bert', 9)
    expect((await place.run(['backup'])).exitCode).toBe(0)
    expect(files()).toHaveLength(before.length + 1)
  })

  it('is verified by the client without a project, and checked by the operator without the key', async () => {
    const good = await place.bare(['backup', 'verify', ...files(), '--identity', identity, '--json'])
    expect(good).toMatchObject({ exitCode: 0, stderr: '' })
    expect(JSON.parse(good.stdout)).toMatchObject({ good: true, problems: [] })
    expect(await place.run(['backup', 'check', ...files(), '--json'])).toMatchObject({ exitCode: 0, stderr: '' })
    const [file = ''] = files()
    const bytes = readFileSync(file)
    const copy = join(place.folder, file.split('/').at(-1) ?? '')
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(changed.length - 30) ^ 1, changed.length - 30)
    writeFileSync(copy, changed)
    const bad = await place.bare(['backup', 'verify', copy, '--identity', identity])
    expect(bad.exitCode).toBe(1)
    expect(bad.stderr).toMatch(/changed or cut off at chunk 0/)
    const checked = await place.run(['backup', 'check', copy])
    expect(checked.exitCode).toBe(1)
    expect(checked.stderr).toMatch(/its SHA-256 is not the one that was written down/)
    const other = join(place.folder, 'other.txt')
    writeFileSync(other, `${(await generateAgeKeys()).identity.text()}\n`, { mode: 0o600 })
    expect((await place.bare(['backup', 'verify', file, '--identity', other])).exitCode).toBe(5)
  })

  it('restores: all of it, a second time nothing, and only what was asked for', async () => {
    const [, ...rest] = files().filter((path) => path.includes('bert'))
    const missing = await place.run(['restore', ...rest, '--identity', identity])
    expect(missing.exitCode).toBe(1)
    expect(missing.stderr).toMatch(/is a later backup, and number 1 before it is missing/)
    expect(delivered('bert.neu')).toBe(0)
    const one = ['restore', ...files(), '--identity', identity, '--account', 'anna']
    const named = await place.run([...one, '--message', '3', '--json'])
    expect(named).toMatchObject({ exitCode: 0, stderr: '' })
    expect(delivered('anna.neu')).toBe(1)
    const all = ['restore', ...files(), '--identity', identity, '--json']
    const first = await place.run(all)
    expect(first).toMatchObject({ exitCode: 0, stderr: '' })
    const total = delivered('anna.neu') + delivered('bert.neu')
    expect(delivered('anna.neu')).toBe(12)
    expect(lastEvent(first)).toMatchObject({ checked: total, findings: [] })
    const again = await place.run(all.filter((word) => word !== '--json'))
    expect(again.exitCode).toBe(0)
    expect(again.stdout).toContain(`0 messages restored, ${total} were there before`)
    expect(delivered('anna.neu') + delivered('bert.neu')).toBe(total)
  })

  it('is handed over, and sign-off waits for the confirmation and lists it', async () => {
    expect((await place.run(['run'])).exitCode).toBe(0)
    expect((await place.run(['verify'])).exitCode).toBe(0)
    const refused = await place.run(['signoff', '--by', 'Jane Doe'])
    expect(refused.exitCode).toBe(4)
    expect(refused.stderr + refused.stdout).toMatch(/a backup that the client has not confirmed/)
    const given = files()
    const digests = given.map(sha256)
    const early = await place.run(['backup', 'handover', ...given, '--confirm', ...digests.slice(0, 1)])
    expect(early.exitCode).toBe(4)
    const handed = await place.run([
      'backup',
      'handover',
      ...given,
      '--to',
      'Jane Doe',
      '--how',
      'by hand',
      '--json',
    ])
    expect(handed).toMatchObject({ exitCode: 0, stderr: '' })
    const { sheet } = JSON.parse(handed.stdout) as { sheet: string }
    const html = readFileSync(sheet, 'utf8')
    for (const digest of digests) expect(html).toContain(digest)
    expect(html).toContain('age -d -i key.txt')
    const confirms = ['--confirm', ...digests]
    const wrong = await place.run([
      'backup',
      'handover',
      ...given,
      ...confirms.slice(2),
      '--confirm',
      'f'.repeat(64),
    ])
    expect(wrong.exitCode).toBe(4)
    expect(files()).toEqual(given)
    expect(await place.run(['backup', 'handover', ...given, ...confirms, '--json'])).toMatchObject({
      exitCode: 0,
      stderr: '',
    })
    expect(files()).toEqual([])
    // Sign-off searches the temporary folder; that of the machine holds whatever other tests put there.
    const ended = await place.run(['signoff', '--by', 'Jane Doe'], { environment: { TMPDIR: place.home } })
    expect(ended.exitCode).toBe(0)
    const path = join(place.project, 'certificate', 'deletion-certificate.json')
    const certificate = JSON.parse(readFileSync(path, 'utf8')) as {
      backups: { handedOver: readonly { sha256: string }[] }
    }
    expect(certificate.backups.handedOver.map((entry) => entry.sha256).sort()).toEqual([...digests].sort())
    expect(existsSync(folder())).toBe(false)
  })
})

describe('a receipt', () => {
  it('that the client has signed confirms as a checksum does', async () => {
    const { confirmByReceipt, RECEIPT_NAMESPACE } = await import('../../src/cli/backup/confirm.ts')
    const key = join(place.folder, 'client')
    expect(spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]).status).toBe(0)
    const receipt = join(place.folder, 'receipt.txt')
    const digest = 'a'.repeat(64)
    writeFileSync(receipt, `${digest}  backup.age\n`)
    expect(spawnSync('ssh-keygen', ['-Y', 'sign', '-f', key, '-n', RECEIPT_NAMESPACE, receipt]).status).toBe(0)
    const pub = readFileSync(`${key}.pub`, 'utf8')
    const volumes = [{ sha256: digest }] as unknown as Parameters<typeof confirmByReceipt>[0]
    expect((await confirmByReceipt(volumes, receipt, pub)).key).toMatch(/^SHA256:/)
    const others = [{ sha256: 'b'.repeat(64) }] as unknown as Parameters<typeof confirmByReceipt>[0]
    await expect(confirmByReceipt(others, receipt, pub)).rejects.toMatchObject({ kind: 'policy' })
    writeFileSync(receipt, `${'b'.repeat(64)}  backup.age\n`)
    await expect(confirmByReceipt(others, receipt, pub)).rejects.toMatchObject({ kind: 'policy' })
  })
})
