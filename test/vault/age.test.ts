import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { armor, Encrypter } from 'age-encryption'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { SealpostError } from '../../src/core/errors.ts'
import { ageRecipientOf, generateAgeKeys, type AgeKeys } from '../../vault/age-key.ts'
import { createRecipientSealer, openAge } from '../../vault/age.ts'
import { removeArmor } from '../../vault/age-armor.ts'
import { lacking } from '../packages.ts'
import { temporaryFolder } from './folder.ts'
import { secretOf } from './workspace.ts'

let keys: AgeKeys
let other: AgeKeys
beforeAll(async () => {
  keys = await generateAgeKeys()
  other = await generateAgeKeys()
})

async function* inPieces(bytes: Uint8Array, size = 10_000): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}

const seal = (plain: Uint8Array, ...recipients: readonly string[]): Promise<Buffer> =>
  collect(createRecipientSealer(recipients).seal(inPieces(plain)))
const open = (sealed: Uint8Array, by = keys, size?: number): Promise<Buffer> =>
  collect(openAge(by.identity, inPieces(sealed, size)))

describe('age', () => {
  test.each([0, 1, 65_535, 65_536, 65_537, 300_000])('%i bytes come back, binary and armored', async (bytes) => {
    const plain = randomBytes(bytes)
    const sealed = await seal(plain, keys.recipient)
    expect((await open(sealed)).equals(plain)).toBe(true)
    const armored = Buffer.from(armor.encode(sealed))
    expect((await open(armored)).equals(plain)).toBe(true)
    expect((await open(Buffer.from(armored.toString().replaceAll('\n', '\r\n')))).equals(plain)).toBe(true)
    expect(
      (await open(Buffer.concat([Buffer.from(' \r\n\n'), armored, Buffer.from('\n \n')]))).equals(plain),
    ).toBe(true)
  })

  test('the pieces may be cut anywhere', async () => {
    const plain = randomBytes(1000)
    const sealed = await seal(plain, keys.recipient)
    const armored = Buffer.from(armor.encode(sealed))
    for (const size of [1, 2, 7, 63, 64, 65, 500]) {
      expect((await open(sealed, keys, size)).equals(plain)).toBe(true)
      expect((await open(armored, keys, size)).equals(plain)).toBe(true)
    }
  })

  test('each of several recipients opens it, and nobody else', async () => {
    const plain = randomBytes(100)
    const sealed = await seal(plain, keys.recipient, other.recipient)
    expect((await open(sealed, keys)).equals(plain)).toBe(true)
    expect((await open(sealed, other)).equals(plain)).toBe(true)
    await expect(open(await seal(plain, other.recipient))).rejects.toMatchObject({ kind: 'locked' })
  })

  test('anything cut off, added or flipped is corrupt', async () => {
    const sealed = await seal(randomBytes(70_000), keys.recipient)
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: sealed.length - 1 }),
        fc.integer({ min: 0, max: 7 }),
        async (at, bit) => {
          await expect(open(sealed.subarray(0, at))).rejects.toBeInstanceOf(SealpostError)
          const changed = Buffer.from(sealed)
          changed.writeUInt8(changed.readUInt8(at) ^ (1 << bit), at)
          await expect(open(changed)).rejects.toBeInstanceOf(SealpostError)
        },
      ),
      { numRuns: 40 },
    )
    await expect(open(Buffer.concat([sealed, Buffer.of(0)]))).rejects.toMatchObject({ kind: 'corrupt' })
    await expect(open(sealed.subarray(0, -1))).rejects.toMatchObject({ kind: 'corrupt' })
    await expect(open(Buffer.alloc(0))).rejects.toMatchObject({ kind: 'corrupt' })
    await expect(open(Buffer.from('  \n '))).rejects.toMatchObject({ kind: 'corrupt' })
    await expect(open(Buffer.from('hello'))).rejects.toMatchObject({ kind: 'corrupt' })
  })

  test('a passphrase is refused, as a recipient and in a file', async () => {
    const encrypter = new Encrypter()
    encrypter.setPassphrase('guess me')
    encrypter.setScryptWorkFactor(2)
    const sealed = await encrypter.encrypt(Buffer.from('x'))
    await expect(open(sealed)).rejects.toMatchObject({ kind: 'policy' })
    await expect(open(sealed, keys, 3)).rejects.toMatchObject({ kind: 'policy' })
    await expect(open(Buffer.from(armor.encode(sealed)))).rejects.toMatchObject({ kind: 'policy' })
    for (const recipient of ['guess me', '', 'age1', `${keys.recipient}x`, keys.identity.text()]) {
      expect(() => createRecipientSealer([recipient])).toThrow(SealpostError)
    }
    expect(() => createRecipientSealer([])).toThrow('no recipient')
    for (const recipient of [
      'ssh-ed25519 AAAA',
      `ssh-ed25519 ${Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x01x').toString('base64')}`,
      'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=',
      'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAwEAAQ== short',
    ]) {
      expect(() => createRecipientSealer([recipient])).toThrow(SealpostError)
    }
    expect(() => createRecipientSealer([keys.identity.text()])).toThrow('that is not an age recipient')
  })

  test('an endless header and an endless line end in an error, not in memory', async () => {
    async function* endless(start: string, piece: string): AsyncGenerator<Uint8Array> {
      yield Buffer.from(start)
      for (let i = 0; i < 20_000; i++) yield Buffer.from(piece)
    }
    for (const [start, piece] of [
      ['age-encryption.org/v1\n', '-> X25519 aaaa\nbbbb\n'],
      ['age-encryption.org/v1\n', 'xxxxxxxx'],
      ['-----BEGIN AGE ENCRYPTED FILE-----\n', 'A'],
      ['', '\n'],
    ] as const) {
      const opened = collect(openAge(keys.identity, endless(start, piece)))
      await expect(opened).rejects.toMatchObject({ kind: 'corrupt' })
    }
  })

  test('what is no identity is refused without showing it', async () => {
    const error: unknown = await collect(openAge(secretOf('canary-no-identity'), inPieces(Buffer.alloc(5)))).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({ kind: 'config' })
    expect(String(error)).not.toContain('canary')
    await expect(ageRecipientOf(secretOf('AGE-SECRET-KEY-1CANARY'))).rejects.toMatchObject({ kind: 'config' })
  })

  test('a failing source is passed on, and stopping early closes it', async () => {
    let closed = 0
    async function* source(fail: boolean): AsyncGenerator<Uint8Array> {
      try {
        for (let i = 0; i < 100; i++) {
          if (fail && i === 20) throw new SealpostError('transient', 'connection reset')
          yield randomBytes(20_000)
        }
      } finally {
        closed++
      }
    }
    const sealer = createRecipientSealer([keys.recipient])
    await expect(collect(sealer.seal(source(true)))).rejects.toMatchObject({ kind: 'transient' })
    for await (const piece of sealer.seal(source(false))) if (piece.length > 60_000) break
    expect(closed).toBe(2)
    await expect(collect(openAge(keys.identity, source(false)))).rejects.toMatchObject({ kind: 'corrupt' })
    expect(closed).toBe(3)
    const failing = (async function* () {
      yield (await seal(randomBytes(200_000), keys.recipient)).subarray(0, 100_000)
      throw new SealpostError('transient', 'read failed')
    })()
    await expect(collect(openAge(keys.identity, failing))).rejects.toMatchObject({ kind: 'transient' })
  })
})

describe('armor', () => {
  const strip = (text: string): Promise<Buffer> => collect(removeArmor(inPieces(Buffer.from(text), 11)))
  const BEGIN = '-----BEGIN AGE ENCRYPTED FILE-----'
  const END = '-----END AGE ENCRYPTED FILE-----'
  const full = 'QUJD'.repeat(16)

  test('agrees with the library on any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
        expect((await strip(armor.encode(bytes))).equals(Buffer.from(bytes))).toBe(true)
      }),
    )
  })

  test.each([
    ['no end', `${BEGIN}\nQUJD\n`],
    ['another beginning', `-----BEGIN PGP MESSAGE-----\nQUJD\n${END}\n`],
    ['text after the end', `${BEGIN}\nQUJD\n${END}\nx\n`],
    ['a short line in the middle', `${BEGIN}\nQUJD\nQUJD\n${END}\n`],
    ['padding in the middle', `${BEGIN}\n${full.slice(0, 62)}==\nQUJD\n${END}\n`],
    ['a long line', `${BEGIN}\n${full}QUJD\n${END}\n`],
    ['an empty line', `${BEGIN}\n\nQUJD\n${END}\n`],
    ['no base64', `${BEGIN}\nQU*D\n${END}\n`],
    ['url base64', `${BEGIN}\nQU_D\n${END}\n`],
    ['stray bits', `${BEGIN}\nQUJDRB==\n${END}\n`],
    ['missing padding', `${BEGIN}\nQUJDRA\n${END}\n`],
    ['two files', `${BEGIN}\nQUJD\n${END}\n${BEGIN}\nQUJD\n${END}\n`],
  ])('%s is corrupt', async (_name, text) => {
    await expect(strip(text)).rejects.toMatchObject({ kind: 'corrupt' })
  })
})

const noAge = lacking('age')

describe.skipIf(noAge !== null)(`Debian's age${noAge === null ? '' : ` (skipped: ${noAge})`}`, () => {
  const age = (args: readonly string[], input: Buffer): { status: number | null; stdout: Buffer } =>
    spawnSync('age', args, { input, maxBuffer: 64 * 1024 * 1024 })

  test('opens what we seal', async () => {
    const file = join(temporaryFolder(), 'identity')
    writeFileSync(file, `${keys.identity.text()}\n`, { mode: 0o600 })
    for (const bytes of [0, 1, 65_536, 200_000]) {
      const plain = randomBytes(bytes)
      const { status, stdout } = age(['-d', '-i', file], await seal(plain, keys.recipient, other.recipient))
      expect(status).toBe(0)
      expect(stdout.equals(plain)).toBe(true)
    }
  })

  test('seals what we open, binary and armored', async () => {
    for (const bytes of [0, 1, 65_536, 200_000]) {
      const plain = randomBytes(bytes)
      for (const flags of [[], ['-a']]) {
        const { stdout } = age([...flags, '-r', keys.recipient], plain)
        expect((await open(stdout)).equals(plain)).toBe(true)
      }
    }
  })

  test.each([
    ['ed25519', []],
    ['rsa', ['-b', '2048']],
  ])('opens with an SSH key what we seal to its public half: %s', async (type, flags) => {
    const file = join(temporaryFolder(), 'id')
    expect(spawnSync('ssh-keygen', ['-q', '-t', type, ...flags, '-N', '', '-f', file]).status).toBe(0)
    const recipient = readFileSync(`${file}.pub`, 'utf8')
    const plain = randomBytes(70_000)
    const { status, stdout } = age(['-d', '-i', file], await seal(plain, recipient, keys.recipient))
    expect(status).toBe(0)
    expect(stdout.equals(plain)).toBe(true)
  })

  test('makes identities that fit', async () => {
    const file = join(temporaryFolder(), 'identity')
    expect(spawnSync('age-keygen', ['-o', file]).status).toBe(0)
    const text = readFileSync(file, 'utf8')
    const identity = secretOf(/AGE-SECRET-KEY-1\w+/.exec(text)?.[0] ?? '')
    expect(text).toContain(await ageRecipientOf(identity))
  })
})
