import { constants, type Stats } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { SealpostError } from '../core/errors.ts'
import { fileError } from './file-error.ts'
import { assertNotForAll } from './private-files.ts'

/**
 * Opens a file that somebody has named, for reading, wherever it lies and whoever else may read it; `what` is being done, in
 * words. Throws `config` for what is no plain file, and with the system's code where it cannot be opened.
 */
export async function openPlainFile(path: string, what = 'open'): Promise<FileHandle> {
  let file: FileHandle
  try {
    // Without O_NONBLOCK a pipe in the file's place would hang the process here.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    throw fileError(error, what, path)
  }
  try {
    const stats = await file.stat()
    if (stats.isFile()) return file
    if (!stats.isDirectory()) throw new SealpostError('config', `${path} is not a plain file`)
    throw new SealpostError('config', `cannot ${what} ${path}: it is a folder`, { code: 'EISDIR' })
  } catch (error) {
    await file.close()
    throw fileError(error, what, path)
  }
}

/** Reads such a file whole. Throws as above, and `config` before it reads one of more than `limit` bytes. */
export async function readPlainFile(path: string, what = 'read', limit = Infinity): Promise<Buffer> {
  return readChecked(path, what, ({ size }) => {
    if (size > limit) throw new SealpostError('config', `${path} is larger than ${limit / 1024} KiB`)
  })
}

/** Reads a file whose words are followed whole. Throws as above, and `policy` for one that every user may change. */
export async function readTrustedFile(path: string, what = 'read'): Promise<Buffer> {
  return readChecked(path, what, (stats) => assertNotForAll(stats, path))
}

async function readChecked(path: string, what: string, check: (stats: Stats) => void): Promise<Buffer> {
  const file = await openPlainFile(path, what)
  try {
    check(await file.stat())
    return await file.readFile()
  } catch (error) {
    throw fileError(error, what, path)
  } finally {
    await file.close()
  }
}
