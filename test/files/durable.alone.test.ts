import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { replaceFile, writePrivateFile } from '../../src/files/durable.ts'
import { eraseFile } from '../../vault/erase-file.ts'
import { createSlot, destroySlot, readSlot } from '../../vault/slot.ts'
import { temporaryFolder } from '../vault/folder.ts'
import { UNWATCHABLE, watchFlushes } from './flushes.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

describe.skipIf(UNWATCHABLE)('on the disk before the call returns is', () => {
  it('a file that was written: its bytes under another name, then its own name', async () => {
    const folder = temporaryFolder()
    const flushes = await watchFlushes()
    await writePrivateFile(join(folder, 'f'), Buffer.from('bytes'))
    expect(flushes).toMatchObject([{ bytes: Buffer.from('bytes') }, { path: folder, names: ['f'] }])
    expect(flushes[0]?.path).not.toBe(join(folder, 'f'))
  })

  it('a file that was put in the place of another', async () => {
    const folder = temporaryFolder()
    for (const name of ['old', 'new']) writeFileSync(join(folder, name), name)
    const flushes = await watchFlushes()
    await replaceFile(join(folder, 'new'), join(folder, 'old'))
    expect(flushes).toMatchObject([{ path: folder, names: ['old'] }])
  })

  it('a slot: room for it, its name, then the split key', async () => {
    const path = join(temporaryFolder(), 'slot')
    const flushes = await watchFlushes()
    await createSlot(path, Buffer.alloc(32, 7))
    expect(flushes.map((flush) => [flush.path === path, flush.bytes?.length, flush.names])).toEqual([
      [true, 128_000, []],
      [false, undefined, ['slot']],
      [true, 128_000, []],
    ])
    expect(flushes[0]?.bytes?.equals(flushes[2]?.bytes ?? Buffer.alloc(0))).toBe(false)
    expect(await readSlot(path)).toEqual(Buffer.alloc(32, 7))
  })

  it.each([
    ['a slot that is destroyed', destroySlot],
    ['a file that is erased', eraseFile],
  ])('%s: other bytes in its place, then that its name is gone', async (_, destroy) => {
    const folder = temporaryFolder()
    const path = join(folder, 'slot')
    await createSlot(path, Buffer.alloc(32, 7))
    const flushes = await watchFlushes()
    const before = (await readSlot(path)).length
    expect(before).toBe(32)
    await destroy(path)
    expect(flushes).toHaveLength(2)
    expect(flushes[0]).toMatchObject({ path })
    expect(flushes[0]?.bytes).toHaveLength(128_000)
    expect(flushes[1]).toMatchObject({ path: folder, names: [] })
    expect(existsSync(path)).toBe(false)
  })
})
