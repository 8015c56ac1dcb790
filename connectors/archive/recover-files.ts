import { readdir, rename, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { VolumeRecord } from '../../src/core/backups.ts'
import { flushFolder } from '../../src/files/durable.ts'
import { PART_SUFFIX } from './archive-writer.ts'
import { toFileError } from './stored-file.ts'

/**
 * Puts a folder of backups in order after a process was killed in it: a volume that is in the book and did not get its name
 * any more gets it, and what was never finished and has `mark` in its name goes. Twice is safe; while nobody else writes there.
 */
export async function removeUnfinished(
  folder: string,
  mark: string,
  volumes: readonly VolumeRecord[],
): Promise<void> {
  try {
    for (const { path, bytes, removed } of volumes) {
      if (removed || (await sizeOf(path)) !== null || (await sizeOf(path + PART_SUFFIX)) !== bytes) continue
      await rename(path + PART_SUFFIX, path)
      await flushFolder(dirname(path))
    }
    for (const name of await readdir(folder)) {
      if (name.includes(mark) && /\.b\d{3,}\.v\d{3,}\.age(?:\.mail)?\.part$/.test(name))
        await unlink(join(folder, name))
    }
  } catch (error) {
    throw toFileError(error, `putting ${folder} in order`)
  }
}

async function sizeOf(path: string): Promise<number | null> {
  return stat(path).then(
    ({ size }) => size,
    () => null,
  )
}
