import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SealpostError } from '../../src/core/errors.ts'
import { lacking } from '../packages.ts'
import { createSealer, nonceAt, openStream, sealStream } from '../../vault/stream.ts'

interface Vectors {
  readonly key: string
  readonly salt: string
  readonly context: string
  readonly vectors: readonly {
    readonly plainBytes: number
    readonly plainSha256: string
    readonly sealedBytes: number
    readonly sealedSha256: string
    readonly sealed?: string
  }[]
}

const CHUNK = 16_384
const SEALED_CHUNK = CHUNK + 16
const HEADER = 56
const KEY = createHash('sha256').update('a key of the tests').digest()
const CONTEXT = Buffer.from('spool\0object')
const DECODER = fileURLToPath(new URL('../vectors/decode_cobblestone.py', import.meta.url))
const vectors = JSON.parse(
  readFileSync(new URL('../vectors/cobblestone-256.json', import.meta.url), 'utf8'),
) as Vectors

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(Buffer.from(piece))
  return Buffer.concat(all)
}

async function seal(plain: Uint8Array, key = KEY, context = CONTEXT, size = 10_000): Promise<Buffer> {
  return collect(sealStream(key, context, inPieces(plain, size)))
}

async function open(sealed: Uint8Array, key = KEY, context = CONTEXT, size = 7_777): Promise<Buffer> {
  return collect(openStream(key, context, inPieces(sealed, size)))
}

/** What came out before the error, and the error. */
async function openUntilError(sealed: Uint8Array): Promise<{ yielded: Buffer; error: unknown }> {
  const yielded: Buffer[] = []
  try {
    for await (const piece of openStream(KEY, CONTEXT, inPieces(sealed, 7_777))) yielded.push(Buffer.from(piece))
    return { yielded: Buffer.concat(yielded), error: null }
  } catch (error) {
    return { yielded: Buffer.concat(yielded), error }
  }
}

function vectorPlain(bytes: number): Buffer {
  const blocks: Buffer[] = []
  for (let i = 0; i * 32 < bytes; i++) {
    const number = Buffer.alloc(4)
    number.writeUInt32BE(i)
    blocks.push(createHash('sha256').update(number).digest())
  }
  return Buffer.concat(blocks).subarray(0, bytes)
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

describe('known answers', () => {
  const [key, context, salt] = [vectors.key, vectors.context, vectors.salt].map((hex) => Buffer.from(hex, 'hex'))
  if (key === undefined || context === undefined || salt === undefined)
    throw new Error('the vectors are incomplete')

  test.each(vectors.vectors)('$plainBytes bytes', async (vector) => {
    const plain = vectorPlain(vector.plainBytes)
    expect(sha256(plain)).toBe(vector.plainSha256)
    const sealed = await collect(sealStream(key, context, inPieces(plain, 5_000), salt))
    expect(sealed.length).toBe(vector.sealedBytes)
    expect(sha256(sealed)).toBe(vector.sealedSha256)
    if (vector.sealed !== undefined) expect(sealed.toString('hex')).toBe(vector.sealed)
    expect((await open(sealed, key, context)).equals(plain)).toBe(true)
  })
})

const noPython = lacking('python3')

describe.skipIf(noPython !== null)(
  `a decoder in another language${noPython === null ? '' : ` (skipped: ${noPython})`}`,
  () => {
    const decode = (sealed: Buffer, key = KEY, context = CONTEXT): { status: number | null; stdout: Buffer } =>
      spawnSync('python3', [DECODER, key.toString('hex'), context.toString('hex')], { input: sealed })

    test.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 33])('agrees on %i bytes', async (bytes) => {
      const plain = randomBytes(bytes)
      const { status, stdout } = decode(await seal(plain))
      expect(status).toBe(0)
      expect(stdout.equals(plain)).toBe(true)
    })

    test('refuses what was changed, as ours does', async () => {
      const sealed = await seal(randomBytes(100))
      for (const at of [0, 30, HEADER, sealed.length - 1]) {
        const changed = Buffer.from(sealed)
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
        expect(decode(changed).status).toBe(1)
        await expect(open(changed)).rejects.toThrow(SealpostError)
      }
      expect(decode(sealed, KEY, Buffer.from('other')).status).toBe(1)
    })

    test('has at most 80 lines', () => {
      expect(readFileSync(DECODER, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(80)
    })
  },
)

describe('any length in any pieces', () => {
  const nearEdges = fc
    .tuple(fc.integer({ min: 0, max: 34 }), fc.integer({ min: -2, max: 2 }))
    .map(([chunks, off]) => Math.max(0, chunks * CHUNK + off))
  const length = fc.oneof(nearEdges, fc.integer({ min: 0, max: 3 * CHUNK }))
  const pieceSize = fc.oneof(
    fc.constantFrom(1_000, CHUNK, SEALED_CHUNK, 262_144, 1_000_000),
    fc.integer({ min: 500, max: 70_000 }),
  )

  test('opens to what was sealed, in the one length there is', async () => {
    await fc.assert(
      fc.asyncProperty(length, pieceSize, pieceSize, async (bytes, sealSize, openSize) => {
        const plain = vectorPlain(bytes)
        const sealed = await seal(plain, KEY, CONTEXT, sealSize)
        expect(sealed.length).toBe(HEADER + bytes + 16 * (Math.floor(bytes / CHUNK) + 1))
        expect((await open(sealed, KEY, CONTEXT, openSize)).equals(plain)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test('byte by byte', async () => {
    const plain = randomBytes(CHUNK + 5)
    const sealed = await seal(plain, KEY, CONTEXT, 1)
    expect((await open(sealed, KEY, CONTEXT, 1)).equals(plain)).toBe(true)
  })

  test('cut anywhere is corrupt', async () => {
    const sealed = await seal(vectorPlain(17 * CHUNK + 100))
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: sealed.length - 1 }), async (end) => {
        await expect(open(sealed.subarray(0, end), KEY, CONTEXT, 100_000)).rejects.toMatchObject({
          kind: 'corrupt',
        })
      }),
      { numRuns: 100 },
    )
  })

  test('one flipped bit anywhere is corrupt, and nothing of its chunk comes out', async () => {
    const plain = vectorPlain(17 * CHUNK + 100)
    const sealed = await seal(plain)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: sealed.length * 8 - 1 }), async (bit) => {
        const changed = Buffer.from(sealed)
        const at = bit >> 3
        changed.writeUInt8(changed.readUInt8(at) ^ (1 << (bit & 7)), at)
        const { yielded, error } = await openUntilError(changed)
        expect(error).toMatchObject({ kind: 'corrupt' })
        expect(yielded.length).toBeLessThanOrEqual(Math.max(0, Math.floor((at - HEADER) / SEALED_CHUNK)) * CHUNK)
        expect(plain.subarray(0, yielded.length).equals(yielded)).toBe(true)
      }),
      { numRuns: 150 },
    )
  })
})

describe('attacks', () => {
  const plain = vectorPlain(3 * CHUNK + 500)
  const chunkAt = (sealed: Buffer, i: number): Buffer =>
    sealed.subarray(HEADER + i * SEALED_CHUNK, HEADER + (i + 1) * SEALED_CHUNK)
  const header = (sealed: Buffer): Buffer => sealed.subarray(0, HEADER)
  const attacks: readonly (readonly [string, (sealed: Buffer, other: Buffer) => Buffer])[] = [
    ['nothing at all', () => Buffer.alloc(0)],
    ['header alone', (sealed) => header(sealed)],
    ['last chunk dropped', (sealed) => sealed.subarray(0, HEADER + 3 * SEALED_CHUNK)],
    ['last chunk cut to a tag', (sealed) => sealed.subarray(0, HEADER + 3 * SEALED_CHUNK + 16)],
    ['last chunk shorter than a tag', (sealed) => sealed.subarray(0, HEADER + 3 * SEALED_CHUNK + 15)],
    ['one byte cut', (sealed) => sealed.subarray(0, -1)],
    ['one byte added', (sealed) => Buffer.concat([sealed, Buffer.of(0)])],
    ['filled up to a full chunk', (sealed) => Buffer.concat([sealed, Buffer.alloc(CHUNK - 500)])],
    ['last chunk twice', (sealed) => Buffer.concat([sealed, sealed.subarray(HEADER + 3 * SEALED_CHUNK)])],
    ['the whole object twice', (sealed) => Buffer.concat([sealed, sealed])],
    [
      'two chunks swapped',
      (sealed) =>
        Buffer.concat([
          header(sealed),
          chunkAt(sealed, 1),
          chunkAt(sealed, 0),
          sealed.subarray(HEADER + 2 * SEALED_CHUNK),
        ]),
    ],
    [
      'a chunk repeated',
      (sealed) => Buffer.concat([sealed.subarray(0, HEADER + SEALED_CHUNK), sealed.subarray(HEADER)]),
    ],
    ['a chunk left out', (sealed) => Buffer.concat([header(sealed), sealed.subarray(HEADER + SEALED_CHUNK)])],
    [
      'a chunk of another object',
      (sealed, other) =>
        Buffer.concat([header(sealed), chunkAt(other, 0), sealed.subarray(HEADER + SEALED_CHUNK)]),
    ],
    ['the header of another object', (sealed, other) => Buffer.concat([header(other), sealed.subarray(HEADER)])],
    [
      'the commitment of another object',
      (sealed, other) =>
        Buffer.concat([sealed.subarray(0, 24), other.subarray(24, HEADER), sealed.subarray(HEADER)]),
    ],
  ]

  test.each(attacks)('%s is corrupt', async (_name, attack) => {
    const sealed = await seal(plain)
    const other = await seal(plain)
    await expect(open(attack(sealed, other))).rejects.toMatchObject({ name: 'SealpostError', kind: 'corrupt' })
  })

  test('another key and another context are corrupt', async () => {
    const sealed = await seal(plain)
    await expect(open(sealed, randomBytes(32))).rejects.toMatchObject({ kind: 'corrupt' })
    await expect(open(sealed, KEY, Buffer.from('spool\0other'))).rejects.toMatchObject({ kind: 'corrupt' })
  })

  test('errors hold no content', async () => {
    const sealed = await seal(Buffer.from('TOP-SECRET-CONTENT'))
    sealed.writeUInt8(sealed.readUInt8(60) ^ 1, 60)
    const { error } = await openUntilError(sealed)
    expect(String(error)).not.toContain('SECRET')
  })
})

describe('createSealer', () => {
  test('binds scope and context, and never seals twice alike', async () => {
    const plain = randomBytes(1000)
    const sealer = createSealer(Buffer.from(KEY), 'spool')
    const sealed = await collect(sealer.seal('7', inPieces(plain, 100)))
    expect((await collect(sealer.open('7', inPieces(sealed, 100)))).equals(plain)).toBe(true)
    expect((await collect(openStream(KEY, Buffer.from('spool\x007'), inPieces(sealed, 99)))).equals(plain)).toBe(
      true,
    )
    await expect(collect(sealer.open('8', inPieces(sealed, 100)))).rejects.toMatchObject({ kind: 'corrupt' })
    const elsewhere = createSealer(Buffer.from(KEY), 'backup')
    await expect(collect(elsewhere.open('7', inPieces(sealed, 100)))).rejects.toMatchObject({ kind: 'corrupt' })
    expect((await collect(sealer.seal('7', inPieces(plain, 100)))).equals(sealed)).toBe(false)
  })

  test('a wiped key is locked, also between asking and reading', async () => {
    const key = Buffer.from(KEY)
    const sealer = createSealer(key, 'spool')
    const asked = sealer.seal('7', inPieces(randomBytes(10), 100))
    key.fill(0)
    await expect(collect(asked)).rejects.toMatchObject({ kind: 'locked' })
    await expect(collect(sealer.open('7', inPieces(randomBytes(100), 100)))).rejects.toMatchObject({
      kind: 'locked',
    })
  })

  test('passes a failing source on and closes a source that is not read to its end', async () => {
    let closed = 0
    async function* source(fail: boolean): AsyncGenerator<Uint8Array> {
      try {
        for (let i = 0; i < 100; i++) {
          if (fail && i === 50) throw new SealpostError('transient', 'connection reset')
          yield randomBytes(10_000)
        }
      } finally {
        closed++
      }
    }
    const sealer = createSealer(Buffer.from(KEY), 'spool')
    await expect(collect(sealer.seal('7', source(true)))).rejects.toMatchObject({ kind: 'transient' })
    let seen = 0
    for await (const piece of sealer.seal('7', source(false))) {
      seen += piece.length
      if (seen > 100) break
    }
    expect(closed).toBe(2)
  })

  test('memory stays bounded on a long stream', async () => {
    const piece = randomBytes(64 * 1024)
    async function* long(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 2048; i++) yield piece
    }
    const sealer = createSealer(Buffer.from(KEY), 'spool')
    let bytes = 0
    let peak = 0
    const before = process.memoryUsage.rss()
    for await (const out of sealer.open('7', sealer.seal('7', long()))) {
      bytes += out.length
      peak = Math.max(peak, process.memoryUsage.rss() - before)
    }
    expect(bytes).toBe(2048 * 64 * 1024)
    expect(peak).toBeLessThan(100 * 1024 * 1024)
  })
})

describe('chunk numbers', () => {
  test('go into the low 38 bits of the nonce', () => {
    const base = Buffer.from('0102030405060708090a0b0c', 'hex')
    const asNumber = (nonce: Buffer): bigint => BigInt(`0x${nonce.toString('hex')}`)
    for (const counter of [0, 1, 255, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 37 + 12345, 2 ** 38 - 1]) {
      expect(asNumber(nonceAt(base, counter))).toBe(asNumber(base) ^ BigInt(counter))
    }
    expect(() => nonceAt(base, 2 ** 38)).toThrow('4 PiB')
  })
})
