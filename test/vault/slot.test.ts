import { createHash, randomBytes } from 'node:crypto'
import { linkSync, readFileSync, statSync, writeFileSync, existsSync, chmodSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mergeKey, SLOT_BYTES, splitKey } from '../../vault/af-split.ts'
import { createSlot, destroySlot, readSlot } from '../../vault/slot.ts'
import { temporaryFolder } from './folder.ts'

describe('anti-forensic splitting', () => {
  test('merges to what was split', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const key = Buffer.from(bytes)
        const slot = splitKey(key)
        expect(slot.length).toBe(128_000)
        expect(mergeKey(slot).equals(key)).toBe(true)
      }),
      { numRuns: 10 },
    )
  })

  test('any one flipped bit gives another key', () => {
    const key = randomBytes(32)
    const slot = splitKey(key)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: SLOT_BYTES * 8 - 1 }), (bit) => {
        const changed = Buffer.from(slot)
        changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
        expect(mergeKey(changed).equals(key)).toBe(false)
      }),
      { numRuns: 40 },
    )
  })

  test('two splits of one key have nothing in common', () => {
    const key = randomBytes(32)
    const [a, b] = [splitKey(key), splitKey(key)]
    let equal = 0
    for (let at = 0; at < SLOT_BYTES; at += 32)
      if (a.subarray(at, at + 32).equals(b.subarray(at, at + 32))) equal++
    expect(equal).toBe(0)
    expect(a.includes(key)).toBe(false)
  })

  test('known answer, computed with another language', () => {
    const slot = Buffer.concat(
      Array.from({ length: 4000 }, (_, i) => {
        const number = Buffer.alloc(4)
        number.writeUInt32BE(i)
        return createHash('sha256').update(number).digest()
      }),
    )
    expect(mergeKey(slot).toString('hex')).toBe('75e8f574da5f92e1926a91642b758bc0ca6f9f52c4c860aecf7d83d52e07e94a')
  })
})

describe('slot file', () => {
  test('keeps its key, its length, its inode and its mode', async () => {
    const path = join(temporaryFolder(), 'p')
    const key = randomBytes(32)
    await createSlot(path, key)
    expect(statSync(path)).toMatchObject({ size: 128_000, nlink: 1 })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect((await readSlot(path)).equals(key)).toBe(true)
    expect(readFileSync(path).includes(key)).toBe(false)
    await expect(createSlot(path, randomBytes(32))).rejects.toMatchObject({ code: 'EEXIST' })
    expect((await readSlot(path)).equals(key)).toBe(true)
  })

  test('missing is locked, short is corrupt, loose or with a second name is refused', async () => {
    const folder = temporaryFolder()
    await expect(readSlot(join(folder, 'none'))).rejects.toMatchObject({ kind: 'locked' })
    writeFileSync(join(folder, 'short'), Buffer.alloc(127_999), { mode: 0o600 })
    await expect(readSlot(join(folder, 'short'))).rejects.toMatchObject({ kind: 'corrupt' })
    const path = join(folder, 'p')
    await createSlot(path, randomBytes(32))
    chmodSync(path, 0o640)
    await expect(readSlot(path)).rejects.toMatchObject({ kind: 'policy' })
    chmodSync(path, 0o600)
    linkSync(path, join(folder, 'second'))
    await expect(readSlot(path)).rejects.toMatchObject({ kind: 'policy' })
  })

  test('is overwritten in place before it is removed; twice is safe', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'p')
    await createSlot(path, randomBytes(32))
    const before = readFileSync(path)
    // A second name shows what the overwriting left in the same file.
    linkSync(path, join(folder, 'witness'))
    expect(await destroySlot(path)).toBe(true)
    expect(await destroySlot(path)).toBe(false)
    expect(existsSync(path)).toBe(false)
    const after = readFileSync(join(folder, 'witness'))
    expect(after.length).toBe(128_000)
    let equal = 0
    for (let at = 0; at < SLOT_BYTES; at += 32) {
      if (after.subarray(at, at + 32).equals(before.subarray(at, at + 32))) equal++
    }
    expect(equal).toBe(0)
  })
})
