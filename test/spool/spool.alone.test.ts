import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { digestStream, digestWhole } from '../../src/core/digest.ts'
import { SealpostError } from '../../src/core/errors.ts'
import type { Body } from '../../src/core/mail.ts'
import { openSpool } from '../../src/spool/open-spool.ts'
import { createSealer } from '../../vault/stream.ts'
import { fakeSealer } from './fake-sealer.ts'

let root: string
let folder: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'spool-test-'))
  folder = join(root, 'spool')
})

afterEach(() => {
  vi.restoreAllMocks()
  rmSync(root, { recursive: true, force: true })
})

async function* piecesOf(...pieces: readonly (Uint8Array | string)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece
}

async function readWhole(body: Body): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of body.open()) pieces.push(piece)
  return Buffer.concat(pieces)
}

const SEALERS = [
  { name: 'a fake sealer', create: () => fakeSealer },
  { name: 'the vault’s sealer', create: () => createSealer(randomBytes(32), 'spool') },
]

describe.each(SEALERS)('the spool with $name', ({ create }) => {
  it('gives back what was written, more than once and at the same time', async () => {
    const object = await openSpool(folder, create()).write(piecesOf('one ', '', 'two ', 'three'))
    expect(object.bytes).toBe(13)
    const copies = await Promise.all([readWhole(object), readWhole(object)])
    expect(copies.map(String)).toEqual(['one two three', 'one two three'])
    expect(String(await readWhole(object))).toBe('one two three')
  })

  it('gives back bytes of any length cut anywhere', async () => {
    const spool = openSpool(folder, create())
    const whole = fc.uint8Array({ maxLength: 70_000 })
    await fc.assert(
      fc.asyncProperty(fc.array(whole, { maxLength: 4 }), async (pieces) => {
        const object = await spool.write(piecesOf(...pieces))
        const expected = Buffer.concat(pieces)
        expect(object.bytes).toBe(expected.length)
        expect((await readWhole(object)).equals(expected)).toBe(true)
        await object.remove()
      }),
      { numRuns: 40 },
    )
    expect(readdirSync(folder)).toEqual([])
  })

  it('keeps no plaintext, and modes 0600 and 0700', async () => {
    await openSpool(folder, create()).write(piecesOf('the canary sings'))
    const [name] = readdirSync(folder)
    if (name === undefined) throw new Error('no object')
    expect(name).toMatch(/^[0-9a-f]{32}\.sealed$/)
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(readFileSync(join(folder, name)).includes('canary')).toBe(false)
  })

  it('keeps these modes in a folder that is there, and follows no link in an object’s place', async () => {
    const spool = openSpool(folder, create())
    await spool.write(piecesOf('first'))
    const object = await spool.write(piecesOf('second'))
    const names = readdirSync(folder).map((name) => join(folder, name))
    expect(names.map((name) => statSync(name).mode & 0o777)).toEqual([0o600, 0o600])
    for (const name of names) {
      renameSync(name, `${name}.moved`)
      symlinkSync(`${name}.moved`, name)
    }
    await expect(readWhole(object)).rejects.toMatchObject({ kind: 'corrupt', code: 'ELOOP' })
  })

  it('throws corrupt for a changed byte anywhere, a cut, an addition and a lost file', async () => {
    const spool = openSpool(folder, create())
    const object = await spool.write(piecesOf(randomBytes(50_000)))
    const [name] = readdirSync(folder)
    if (name === undefined) throw new Error('no object')
    const path = join(folder, name)
    const good = readFileSync(path)
    const damaged = [0, 30, 60, 20_000, good.length - 1].map((at) => {
      const copy = Buffer.from(good)
      copy[at] = (copy[at] ?? 0) ^ 1
      return copy
    })
    damaged.push(
      good.subarray(0, -1),
      good.subarray(0, 10),
      Buffer.alloc(0),
      Buffer.concat([good, Buffer.from('x')]),
    )
    for (const bytes of damaged) {
      writeFileSync(path, bytes)
      await expect(readWhole(object)).rejects.toMatchObject({ kind: 'corrupt' })
    }
    rmSync(path)
    await expect(readWhole(object)).rejects.toMatchObject({ kind: 'corrupt', code: 'ENOENT' })
  })

  it('throws corrupt when two objects are exchanged', async () => {
    const spool = openSpool(folder, create())
    const first = await spool.write(piecesOf('first'))
    const second = await spool.write(piecesOf('other'))
    const [a, b] = readdirSync(folder)
    if (a === undefined || b === undefined) throw new Error('no objects')
    renameSync(join(folder, a), join(folder, 'kept'))
    renameSync(join(folder, b), join(folder, a))
    renameSync(join(folder, 'kept'), join(folder, b))
    await expect(readWhole(first)).rejects.toMatchObject({ kind: 'corrupt' })
    await expect(readWhole(second)).rejects.toMatchObject({ kind: 'corrupt' })
  })
})

describe('the spool', () => {
  it('removes an object, twice too', async () => {
    const object = await openSpool(folder, fakeSealer).write(piecesOf('x'))
    await object.remove()
    await object.remove()
    expect(readdirSync(folder)).toEqual([])
  })

  it('sweeps what an earlier process left, and neither its own objects nor strangers’ files', async () => {
    const earlier = openSpool(folder, fakeSealer)
    await earlier.write(piecesOf('left'))
    await earlier.write(piecesOf('behind'))
    const spool = openSpool(folder, fakeSealer)
    const kept = await spool.write(piecesOf('mine'))
    writeFileSync(join(folder, 'note.txt'), '')
    expect(await spool.sweep()).toBe(2)
    expect(await spool.sweep()).toBe(0)
    expect(String(await readWhole(kept))).toBe('mine')
    expect(readdirSync(folder)).toContain('note.txt')
  })

  it('sweeps a folder that was never made', async () => {
    expect(await openSpool(folder, fakeSealer).sweep()).toBe(0)
  })

  it('leaves nothing when reading the body fails, and throws what reading threw', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(100_000)
      throw new SealpostError('transient', 'the connection was lost')
    }
    await expect(openSpool(folder, fakeSealer).write(failing())).rejects.toMatchObject({
      kind: 'transient',
      message: 'the connection was lost',
    })
    expect(readdirSync(folder)).toEqual([])
  })

  it('does not take a code of the body’s own error for one of the disk', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(10)
      throw Object.assign(new Error('x'), { code: 'ENOSPC' })
    }
    await expect(openSpool(folder, fakeSealer).write(failing())).rejects.toMatchObject({ kind: 'bug' })
  })

  it('calls a fault of our own one, and no damage of the object', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(0)
      throw new TypeError('not a function')
    }
    const spool = openSpool(folder, { ...fakeSealer, seal: broken })
    await expect(spool.write(piecesOf('x'))).rejects.toMatchObject({ kind: 'bug' })
    expect(readdirSync(folder)).toEqual([])
  })

  it('does not take a sealer’s word for the length', async () => {
    const lying = { ...fakeSealer, open: () => piecesOf('shor') }
    const object = await openSpool(folder, lying).write(piecesOf('short'))
    await expect(readWhole(object)).rejects.toMatchObject({ kind: 'corrupt' })
    const adding = { ...fakeSealer, open: () => piecesOf('short', 'er') }
    const other = await openSpool(folder, adding).write(piecesOf('short'))
    await expect(readWhole(other)).rejects.toMatchObject({ kind: 'corrupt' })
  })

  it('writes on when the disk takes less than it was given', async () => {
    const handle = await open(root, 'r')
    const prototype = Object.getPrototypeOf(handle) as FileHandle
    await handle.close()
    type Write = (piece: Uint8Array, offset: number, length: number) => Promise<unknown>
    const target = prototype as unknown as { write: Write }
    const { write } = target
    vi.spyOn(target, 'write').mockImplementation(function (this: unknown, piece, offset, length) {
      return write.call(this, piece, offset, Math.min(length, 1000))
    })
    const bytes = randomBytes(4500)
    const object = await openSpool(folder, fakeSealer).write(piecesOf(bytes))
    expect((await readWhole(object)).equals(bytes)).toBe(true)
  })

  it('fsyncs the file and the folder before it returns', async () => {
    const handle = await open(root, 'r')
    const prototype = Object.getPrototypeOf(handle) as FileHandle
    await handle.close()
    const sync = vi.spyOn(prototype, 'sync')
    await openSpool(folder, fakeSealer).write(piecesOf('x'))
    expect(sync).toHaveBeenCalledTimes(2)
  })

  it('reads slowly from a slow reader: the body is not run ahead of', async () => {
    let given = 0
    async function* counting(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 64; i++) {
        given++
        yield Buffer.alloc(64 * 1024)
      }
    }
    const sealer = createSealer(randomBytes(32), 'spool')
    let behind = 0
    const watching = {
      ...sealer,
      seal: async function* (context: string, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
        let sealed = 0
        for await (const piece of sealer.seal(context, pieces)) {
          sealed += piece.length
          behind = Math.max(behind, given * 64 * 1024 - sealed)
          yield piece
        }
      },
    }
    await openSpool(folder, watching).write(counting())
    expect(given).toBe(64)
    expect(behind).toBeLessThan(1024 * 1024)
  })

  it('holds 300 MB in bounded memory', async () => {
    const piece = randomBytes(1024 * 1024)
    async function* large(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 300; i++) yield piece
    }
    const before = process.memoryUsage().rss
    const object = await openSpool(folder, createSealer(randomBytes(32), 'spool')).write(large())
    const { bytes } = await digestStream(object.open())
    expect(bytes).toBe(300 * 1024 * 1024)
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024)
    await object.remove()
  })

  it('a reader that stops early closes the file', async () => {
    const object = await openSpool(folder, createSealer(randomBytes(32), 'spool')).write(
      piecesOf(randomBytes(2_000_000)),
    )
    const before = openFiles()
    for (let i = 0; i < 20; i++) {
      for await (const piece of object.open()) {
        expect(piece.length).toBeGreaterThan(0)
        break
      }
    }
    expect(openFiles()).toBeLessThanOrEqual(before)
    expect(digestWhole(await readWhole(object)).bytes).toBe(2_000_000)
  })
})

describe('the spool on a full disk', () => {
  it('throws quota and leaves no file', async ({ skip }) => {
    if (!tryMount()) skip('no right to mount a small file system')
    const path = join(root, 'small')
    mkdirSync(path)
    mount(path)
    try {
      const spool = openSpool(join(path, 'spool'), createSealer(randomBytes(32), 'spool'))
      await expect(spool.write(piecesOf(randomBytes(600_000), randomBytes(600_000)))).rejects.toMatchObject({
        kind: 'quota',
        code: 'ENOSPC',
      })
      expect(readdirSync(join(path, 'spool'))).toEqual([])
      const object = await spool.write(piecesOf(randomBytes(10_000)))
      expect((await readWhole(object)).length).toBe(10_000)
    } finally {
      execFileSync('umount', [path])
    }
  })

  it('says so in one line with a hint', async () => {
    const handle = await open(root, 'r')
    const prototype = Object.getPrototypeOf(handle) as FileHandle
    await handle.close()
    vi.spyOn(prototype, 'write').mockRejectedValue(Object.assign(new Error('x'), { code: 'ENOSPC' }))
    const error: unknown = await openSpool(folder, fakeSealer)
      .write(piecesOf('x'))
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      kind: 'quota',
      code: 'ENOSPC',
      hint: expect.stringContaining('space') as string,
    })
    expect(readdirSync(folder)).toEqual([])
  })
})

function openFiles(): number {
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0
}

function mount(path: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', path], { stdio: 'ignore' })
}

function tryMount(): boolean {
  const path = mkdtempSync(join(tmpdir(), 'spool-mount-'))
  try {
    mount(path)
    execFileSync('umount', [path])
    return true
  } catch {
    return false
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}
