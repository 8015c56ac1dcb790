import { createHash, randomBytes } from 'node:crypto'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pack } from 'tar-stream'
import { describe, expect, it } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/engine/settings.ts'
import { messagePath } from '../../connectors/archive/entry-path.ts'
import { generateAgeKeys } from '../../vault/age-key.ts'
import { createBackupSealer } from '../../vault/age.ts'
import { body, end, header, line, manifest, message, one, sealTo, tarOf, type Entry } from './forged.ts'
import { BackupStage, openFiles, temporary } from './stage.ts'

const keys = await generateAgeKeys()

const sealedTar = async (entries: readonly Entry[], name?: string): Promise<string> =>
  sealTo(keys.recipient, one(await tarOf(entries)), name)

async function problemOf(path: string, by = keys): Promise<string> {
  const archive = await openFiles([path], by)
  expect(archive.problems).toHaveLength(1)
  const message = archive.problems[0]?.error.message ?? ''
  expect(message).not.toContain('\n')
  return message
}

describe('what somebody else wrote is refused with one line', () => {
  it.each<[string, readonly Entry[], RegExp]>([
    [
      'a path that leads out',
      [header(), message(1, '../../etc/passwd')],
      /leads elsewhere: \.\.\/\.\.\/etc\/passwd/,
    ],
    ['a path with a dot in it', [header(), message(1, 'alice/./x.eml')], /leads elsewhere/],
    ['an absolute path', [header(), message(1, '/etc/passwd')], /absolute path: \/etc\/passwd/],
    ['a drive', [header(), message(1, 'C:/x.eml')], /absolute path/],
    ['a backslash', [header(), message(1, 'alice\\..\\x.eml')], /leads elsewhere/],
    [
      'a symbolic link',
      [header(), { header: { name: 'alice/x', type: 'symlink', linkname: '/etc' } }],
      /a symlink, which is no plain file/,
    ],
    [
      'a hard link',
      [header(), { header: { name: 'alice/x', type: 'link', linkname: 'y' } }],
      /a link, which is no plain file/,
    ],
    ['a device', [header(), { header: { name: 'alice/x', type: 'character-device' } }], /a character-device/],
    ['no header', [message(1)], /no backup of Sealpost/],
    ['nothing', [], /nothing is in the archive|ends too early/],
    ['no end', [header(), message(1)], /ends too early/],
    [
      'a message that the manifest does not list',
      [header(), message(1), end(1, body.length)],
      /does not list alice\/INBOX\/00000001\.eml/,
    ],
    [
      'a message that is listed and is not there',
      [header(), manifest(line(1)), end(1, 0)],
      /is listed and is not there/,
    ],
    [
      'a digest that is not the message’s',
      [header(), message(1), manifest(line(1)), end(1, body.length)],
      /is not what the manifest says/,
    ],
    [
      'a size that is not the message’s',
      [header(), message(1), manifest(line(1, { size: 9 })), end(1, 9)],
      /is not what the manifest says/,
    ],
    [
      'a line that names another path',
      [header(), message(1), manifest(line(1, { mailbox: ['Sent'] }))],
      /another path than its own/,
    ],
    [
      'a date that is none',
      [header(), message(1), manifest(line(1, { internalDate: 'yesterday' }))],
      /a message that is damaged/,
    ],
    ['a line that is no JSON', [header(), message(1), manifest('{"kind":\n')], /is no JSON object/],
    ['something after the end', [header(), end(0, 0), message(1)], /goes on after its end/],
    [
      'a file that is none of ours',
      [header(), { header: { name: 'sealpost/x/setup.exe' }, bytes: body }],
      /none of ours/,
    ],
  ])('%s', async (_name, entries, expected) => {
    expect(await problemOf(await sealedTar(entries))).toMatch(expected)
  })

  it('the same message twice', async () => {
    const sha256 = createHash('sha256').update(body).digest('hex')
    const twice = [
      header(),
      message(1),
      message(1),
      manifest(line(1, { sha256 }), line(1, { sha256 })),
      end(2, 2 * body.length),
    ]
    expect(await problemOf(await sealedTar(twice))).toMatch(/comes twice or out of order/)
  })

  it('a size of ten gigabytes that is not there', async () => {
    const archive = pack()
    const first = header()
    archive.entry({ ...first.header, size: first.bytes?.length ?? 0 }, first.bytes ?? '')
    archive.on('error', () => undefined)
    archive.entry({ name: messagePath('alice', ['INBOX'], 1), size: 10_737_418_240 }).write(Buffer.alloc(4096))
    const pieces: Buffer[] = []
    for await (const piece of archive as AsyncIterable<Buffer>) {
      pieces.push(piece)
      if (Buffer.concat(pieces).length >= 5000) break
    }
    expect(await problemOf(await sealTo(keys.recipient, one(Buffer.concat(pieces))))).toMatch(
      /claims 10737418240 bytes, more than/,
    )
  })

  it('what is no tar archive, no age file, or sealed to another key', async () => {
    expect(await problemOf(await sealTo(keys.recipient, one(Buffer.alloc(2000, 'x'))))).toMatch(/no tar archive/)
    const folder = temporary()
    const path = join(folder, 'x.age')
    writeFileSync(path, 'hello\n'.repeat(100))
    expect(await problemOf(path)).toBe('that is not an age file')
    writeFileSync(path, '')
    expect(await problemOf(path)).toMatch(/ends too early/)
    const good = await sealedTar([header(), end(0, 0)])
    expect(await problemOf(good, await generateAgeKeys())).toBe('the age file is not sealed to this key')
    writeFileSync(path, readFileSync(good, 'latin1').replace('X25519 ', 'X25519 A'), 'latin1')
    expect(await problemOf(path)).toMatch(/header of the age file was changed/)
  })
})

describe('what happened to a volume is found and named', () => {
  async function volumes(
    recipient?: string,
  ): Promise<{ readonly stage: BackupStage; readonly files: readonly string[] }> {
    const stage = await BackupStage.make()
    const alice = stage.store.account('alice')
    for (let n = 0; n < 60; n++) {
      alice.add(['INBOX'], Buffer.concat([body, randomBytes(60_000)]), {
        internalDate: 1_600_000_000_000,
        flags: [],
      })
    }
    const sealer = createBackupSealer([recipient ?? stage.keys.recipient])
    await stage.backup({
      sealer,
      volumeBytes: 1_200_000,
      limits: { ...DEFAULT_LIMITS, accounts: 1, lanes: 1, memoryBytes: 4 << 20 },
    })
    return { stage, files: stage.files }
  }

  it('a flipped bit, a cut, volumes that are missing, doubled or of another backup', async () => {
    const { stage, files } = await volumes()
    expect(files.length).toBeGreaterThanOrEqual(3)
    const texts = async (paths: readonly string[]): Promise<readonly string[]> =>
      (await stage.open(paths)).problems.map(({ file, error }) => `${file ?? 'all'}: ${error.message}`)
    expect(await texts(files)).toEqual([])
    const [first = '', second = '', third = ''] = files
    expect(await texts([first, third])).toEqual(expect.arrayContaining(['all: volume 2 of backup 1 is missing']))
    expect(await texts([second, third])).toEqual(
      expect.arrayContaining(['alice.b001.v002.age: is volume 2, and those before it are missing']),
    )
    expect(await texts(files.slice(0, -1))).toEqual(['all: the last volume of backup 1 is missing'])
    const other = await volumes()
    // The other backup is sealed to another key: without it nothing is known of its volumes.
    expect(await texts([first, ...other.files.slice(1)])).toEqual(
      expect.arrayContaining([expect.stringContaining('is not sealed to this key')]),
    )
    const sibling = await volumes(stage.keys.recipient)
    expect(await texts([...files, sibling.files[1] ?? ''])).toEqual([
      'alice.b001.v002.age: belongs to another backup than the others',
    ])
    const original = readFileSync(second)
    const changed = Buffer.from(original)
    changed.writeUInt8(changed.readUInt8(700_000) ^ 4, 700_000)
    writeFileSync(second, changed)
    expect(await texts(files)).toEqual([
      expect.stringMatching(
        /^alice\.b001\.v002\.age: .*changed or cut off at chunk 10 \((?:in|after) alice\/INBOX\/\d{8}\.eml\)$/,
      ),
    ])
    writeFileSync(second, original.subarray(0, 500_000))
    expect(await texts(files)).toEqual([
      expect.stringMatching(/v002\.age: .*(?:changed or cut off|ends too early)/),
    ])
    writeFileSync(second, readFileSync(third))
    expect(await texts(files)).toEqual(expect.arrayContaining([expect.stringMatching(/is volume 3, as /)]))
  })

  it('a volume under the name of another one: its number, backup, series or account', async () => {
    const series = { series: '1a2b3c'.padEnd(32, '0') }
    const sealed = await sealedTar([header(series), end(0, 0)])
    const folder = temporary()
    const texts = async (name: string): Promise<readonly string[]> => {
      copyFileSync(sealed, join(folder, name))
      return (await openFiles([join(folder, name)], keys)).problems.map(({ error }) => error.message)
    }
    const right = 'alice.1a2b3c.b001.v001.age'
    for (const good of [right, 'of-alice.age', 'alice (2).age']) expect(await texts(good)).toEqual([])
    for (const wrong of [
      'alice.1a2b3c.b001.v002',
      'alice.1a2b3c.b002.v001',
      'alice.1a2b3d.b001.v001',
      'bob.1a2b3c.b001.v001',
    ])
      expect(await texts(`${wrong}.age`)).toEqual([`is what was written as ${right}`])
    const all = await sealedTar([header({ ...series, account: null }), end(0, 0)], 'project.1a2b3c.b001.v001.age')
    expect((await openFiles([all], keys)).problems).toEqual([])
    const marks = await sealedTar(
      [header({ ...series, account: 'Zo\u00eb' }), end(0, 0)],
      'Zoe\u0308.1a2b3c.b001.v001.age',
    )
    expect((await openFiles([marks], keys)).problems).toEqual([])
  })

  it('a volume in the place of another one of the same set, and a set that goes on from another', async () => {
    const first = await sealedTar([header(), end(0, 0, { last: false })], 'first.age')
    const plain = createHash('sha256')
      .update(await tarOf([header(), end(0, 0, { last: false })]))
      .digest('hex')
    const second = { volume: 2, previous: plain }
    const texts = async (...paths: readonly string[]): Promise<readonly string[]> =>
      (await openFiles(paths, keys)).problems.map(({ error }) => error.message)
    expect(await texts(first, await sealedTar([header(second), end(0, 0)]))).toEqual([])
    const stranger = await sealedTar([header({ ...second, previous: 'c'.repeat(64) }), end(0, 0)])
    expect(await texts(first, stranger)).toEqual([
      'does not go on from first.age: one of the two is of another backup',
    ])
    const whole = await sealedTar([header(), end(0, 0)], 'whole.age')
    const parent = { set: 'd'.repeat(32), sha256: plain }
    const later = await sealedTar([header({ set: 'e'.repeat(32), sequence: 2, parent }), end(0, 0)])
    expect(await texts(whole, later)).toEqual([
      'does not go on from whole.age: one of the two is of another backup',
    ])
  })
})
