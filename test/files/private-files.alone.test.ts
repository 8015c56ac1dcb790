import {
  existsSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { SealpostError } from '../../src/core/errors.ts'
import { writePrivateFile } from '../../src/files/durable.ts'
import {
  assertPrivateFolder,
  createPrivateFile,
  ensurePrivateFolder,
  readPrivateFile,
} from '../../src/files/private-files.ts'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../vault/folder.ts'

const modeOf = (path: string): number => statSync(path).mode & 0o777

describe('private files', () => {
  test.skipIf(!existsSync('/proc/self'))('in a place that takes no folder are refused at once', async () => {
    for (const path of ['/proc/sealpost', '/proc/sealpost/reports'])
      await expect(ensurePrivateFolder(path)).rejects.toMatchObject({ kind: 'config', code: 'ENOENT' })
  })

  test('are written 0600 in folders of 0700, whatever the umask', async () => {
    const before = process.umask(0)
    try {
      const folder = join(temporaryFolder(), 'a', 'b')
      await ensurePrivateFolder(folder)
      await ensurePrivateFolder(folder)
      await writePrivateFile(join(folder, 'f'), Buffer.from('one'))
      await writePrivateFile(join(folder, 'f'), Buffer.from('two'))
      expect([modeOf(folder), modeOf(join(folder, '..')), modeOf(join(folder, 'f'))]).toEqual([
        0o700, 0o700, 0o600,
      ])
      expect((await readPrivateFile(join(folder, 'f')))?.toString()).toBe('two')
      expect(readdirSync(folder)).toEqual(['f'])
    } finally {
      process.umask(before)
    }
  })

  test('reading one that is not there gives null', async () => {
    expect(await readPrivateFile(join(temporaryFolder(), 'none'))).toBeNull()
  })

  test.each([0o640, 0o604, 0o620, 0o601, 0o666])(
    'mode %o is refused with the command that mends it',
    async (mode) => {
      const path = join(temporaryFolder(), 'f')
      writeFileSync(path, 'x')
      chmodSync(path, mode)
      await expect(readPrivateFile(path)).rejects.toMatchObject({ kind: 'policy', hint: `chmod 600 ${path}` })
      await expect(readPrivateFile(path)).rejects.toThrow(path)
      chmodSync(path, 0o600)
      expect((await readPrivateFile(path))?.toString()).toBe('x')
    },
  )

  test('the command in the hint can be pasted', async () => {
    const path = join(temporaryFolder(), "it's a file")
    writeFileSync(path, 'x')
    chmodSync(path, 0o644)
    const error: unknown = await readPrivateFile(path).catch((thrown: unknown) => thrown)
    expect(spawnSync('sh', ['-c', (error as SealpostError).hint ?? 'false']).status).toBe(0)
    expect(modeOf(path)).toBe(0o600)
  })

  test.each([0o750, 0o701, 0o777])('a folder of mode %o is refused', async (mode) => {
    const folder = join(temporaryFolder(), 'd')
    mkdirSync(folder)
    chmodSync(folder, mode)
    await expect(assertPrivateFolder(folder)).rejects.toMatchObject({
      kind: 'policy',
      hint: `chmod 700 ${folder}`,
    })
    await expect(ensurePrivateFolder(folder)).rejects.toMatchObject({ kind: 'policy' })
  })

  test('symbolic links are refused, for files and for folders', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'real'), 'x', { mode: 0o600 })
    symlinkSync(join(folder, 'real'), join(folder, 'link'))
    mkdirSync(join(folder, 'd'), { mode: 0o700 })
    symlinkSync(join(folder, 'd'), join(folder, 'dlink'))
    symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling'))
    await expect(readPrivateFile(join(folder, 'link'))).rejects.toMatchObject({ kind: 'policy' })
    await expect(assertPrivateFolder(join(folder, 'dlink'))).rejects.toMatchObject({ kind: 'policy' })
    await expect(ensurePrivateFolder(join(folder, 'dlink'))).rejects.toMatchObject({ kind: 'policy' })
    await expect(ensurePrivateFolder(join(folder, 'dangling'))).rejects.toMatchObject({ kind: 'policy' })
    await expect(createPrivateFile(join(folder, 'dangling'))).rejects.toMatchObject({ code: 'EEXIST' })
  })

  test('writing over a symbolic link replaces the link and leaves what it points to', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'elsewhere'), 'kept')
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'f'))
    await writePrivateFile(join(folder, 'f'), Buffer.from('new'))
    expect(readFileSync(join(folder, 'elsewhere'), 'utf8')).toBe('kept')
    expect((await readPrivateFile(join(folder, 'f')))?.toString()).toBe('new')
  })

  test.skipIf(process.getuid?.() !== 0)("another user's file is refused (needs root)", async () => {
    const path = join(temporaryFolder(), 'f')
    writeFileSync(path, 'x', { mode: 0o600 })
    spawnSync('chown', ['65534', path])
    await expect(readPrivateFile(path)).rejects.toMatchObject({
      kind: 'policy',
      message: `${path} belongs to another user`,
    })
  })

  test('a pipe in the place of a file is refused and does not hang', async () => {
    const path = join(temporaryFolder(), 'pipe')
    expect(spawnSync('mkfifo', ['-m', '600', path]).status).toBe(0)
    await expect(readPrivateFile(path)).rejects.toMatchObject({ kind: 'policy' })
  })

  test('a file that is too large is refused', async () => {
    const path = join(temporaryFolder(), 'f')
    await writePrivateFile(path, Buffer.alloc(100))
    await expect(readPrivateFile(path, 99)).rejects.toMatchObject({ kind: 'config' })
  })

  test('a failed write leaves the old bytes and no draft', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'f'))
    writeFileSync(join(folder, 'f', 'inside'), '')
    await expect(writePrivateFile(join(folder, 'f'), Buffer.from('x'))).rejects.toMatchObject({ kind: 'config' })
    expect(readdirSync(folder)).toEqual(['f'])
  })

  test('readers see old or new bytes whole while it is replaced', async () => {
    const path = join(temporaryFolder(), 'f')
    const versions = ['a', 'b'].map((letter) => Buffer.alloc(200_000, letter))
    await writePrivateFile(path, versions[0] ?? Buffer.alloc(0))
    const state = { writing: true }
    const writer = (async () => {
      for (let i = 0; i < 50; i++) await writePrivateFile(path, versions[i % 2] ?? Buffer.alloc(0))
      state.writing = false
    })()
    let reads = 0
    while (state.writing) {
      const bytes = await readPrivateFile(path)
      expect(versions.some((version) => bytes?.equals(version))).toBe(true)
      reads++
    }
    await writer
    expect(reads).toBeGreaterThan(5)
  })
})
