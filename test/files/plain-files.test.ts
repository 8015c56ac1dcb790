import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ensurePrivateSubfolder } from '../../src/files/private-files.ts'
import { openPlainFile, readPlainFile } from '../../src/files/plain-files.ts'
import { temporaryFolder } from '../vault/folder.ts'

describe('a file that somebody has named', () => {
  test('is read whoever else may read it', async () => {
    const path = join(temporaryFolder(), 'f')
    writeFileSync(path, 'named', { mode: 0o644 })
    expect((await readPlainFile(path)).toString()).toBe('named')
  })

  test('is refused in the words of what was being done', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'd'))
    await expect(readPlainFile(join(folder, 'd'), 'read the keys in')).rejects.toMatchObject({
      kind: 'config',
      code: 'EISDIR',
      message: `cannot read the keys in ${join(folder, 'd')}: it is a folder`,
    })
    await expect(openPlainFile(join(folder, 'none'))).rejects.toMatchObject({
      kind: 'config',
      code: 'ENOENT',
      message: `cannot open ${join(folder, 'none')}: there is no such file or folder`,
    })
  })

  test('is no pipe, which would hang whoever reads it', async () => {
    const path = join(temporaryFolder(), 'pipe')
    expect(spawnSync('mkfifo', ['-m', '600', path]).status).toBe(0)
    await expect(readPlainFile(path)).rejects.toMatchObject({
      kind: 'config',
      message: `${path} is not a plain file`,
    })
  })
})

test('a private folder below one that is gone is not made: what is missing would seem to be empty', async () => {
  const folder = temporaryFolder()
  await expect(ensurePrivateSubfolder(join(folder, 'gone', 'audit'))).rejects.toMatchObject({ kind: 'config' })
  await ensurePrivateSubfolder(join(folder, 'audit'))
  await ensurePrivateSubfolder(join(folder, 'audit'))
})
