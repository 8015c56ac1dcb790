import crypto, { randomBytes } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import sodium from 'libsodium-wrappers-sumo'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { generateBoxKeys, openSealedBox, sealToKey } from '../../vault/box.ts'
import { createSlot, readSlot } from '../../vault/slot.ts'
import { openStream, sealStream } from '../../vault/stream.ts'
import { temporaryFolder } from './folder.ts'

afterEach(() => {
  vi.restoreAllMocks()
  syncBuiltinESMExports()
})

const isWiped = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

/** The keys that ciphers are given from now on. */
function watchKeys(): Uint8Array[] {
  const keys: Uint8Array[] = []
  for (const name of ['createCipheriv', 'createDecipheriv'] as const) {
    const make = crypto[name] as (...given: unknown[]) => unknown
    vi.spyOn(crypto, name).mockImplementation(((...given: unknown[]) => {
      keys.push(given[1] as Uint8Array)
      return make(...given)
    }) as never)
  }
  syncBuiltinESMExports()
  return keys
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function whole(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(Buffer.from(piece))
  return Buffer.concat(all)
}

describe('what is no longer needed is overwritten', () => {
  it('the keys of a sealed object: at its end, where it was changed, and where its reader stops', async () => {
    const [key, context] = [randomBytes(32), Buffer.from('x')]
    const keys = watchKeys()
    const sealed = await whole(sealStream(key, context, one(Buffer.alloc(600_000))))
    expect((await whole(openStream(key, context, one(sealed)))).length).toBe(600_000)
    const damaged = Buffer.from(sealed)
    damaged.writeUInt8(damaged.readUInt8(400_000) ^ 1, 400_000)
    await expect(whole(openStream(key, context, one(damaged)))).rejects.toMatchObject({ kind: 'corrupt' })
    for await (const piece of openStream(key, context, one(sealed))) if (piece.length > 0) break
    expect(keys.length).toBeGreaterThan(100)
    expect(keys.every(isWiped)).toBe(true)
    expect(isWiped(key)).toBe(false)
  })

  it('a split key, as it was written and as it was read', async () => {
    const handle = await open('/dev/null', 'r')
    const prototype = Object.getPrototypeOf(handle) as FileHandle
    await handle.close()
    const read: Uint8Array[] = []
    const written: Uint8Array[] = []
    for (const [name, seen] of [
      ['read', read],
      ['write', written],
    ] as const) {
      // eslint-disable-next-line @typescript-eslint/unbound-method
      const work = prototype[name] as (...given: unknown[]) => Promise<unknown>
      vi.spyOn(prototype, name).mockImplementation(function (this: FileHandle, ...given: unknown[]) {
        seen.push(given[0] as Uint8Array)
        return work.apply(this, given)
      } as never)
    }
    const path = join(temporaryFolder(), 'slot')
    await createSlot(path, Buffer.alloc(32, 7))
    expect(await readSlot(path)).toEqual(Buffer.alloc(32, 7))
    // The first one is room that was filled with noise.
    expect([...written.slice(1), ...read].map(isWiped)).toEqual([true, true, true])
  })

  it('what a sealed box held, in the memory of the library too', async () => {
    const keys = await generateBoxKeys()
    const sealed = await sealToKey(keys.publicKey, ['label'], Buffer.from('secret'))
    const given: Uint8Array[] = []
    const open = sodium.crypto_box_seal_open.bind(sodium) as (...all: unknown[]) => Uint8Array
    vi.spyOn(sodium, 'crypto_box_seal_open').mockImplementation(((...all: unknown[]) => {
      const bytes = open(...all)
      given.push(bytes)
      return bytes
    }) as never)
    expect(String(await openSealedBox(keys, ['label'], sealed))).toBe('secret')
    await expect(openSealedBox(keys, ['another'], sealed)).rejects.toMatchObject({ kind: 'corrupt' })
    expect(given.map((bytes) => [bytes.length, isWiped(bytes)])).toEqual([
      [38, true],
      [38, true],
    ])
  })
})
