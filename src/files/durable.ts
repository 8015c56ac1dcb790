import { randomBytes } from 'node:crypto'
import { constants, type PathLike } from 'node:fs'
import { open, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileError } from './file-error.ts'
import { createPrivateFile } from './private-files.ts'

/**
 * Writes a file (0600) that must not be there yet; its bytes are on the disk when it returns, its name with `syncFolder`.
 * Throws `config`, with code `EEXIST` where there is one.
 */
export async function writeNewFile(path: string, bytes: string | Uint8Array): Promise<void> {
  const file = await createPrivateFile(path)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } catch (error) {
    throw fileError(error, 'write', path)
  } finally {
    await file.close()
  }
}

/**
 * Replaces a file (0600) as one step: a reader, and the disk after a power cut, has the old bytes or the new ones, whole.
 * The new ones are on the disk when it returns. Twice is safe.
 */
export async function writePrivateFile(path: string, bytes: Uint8Array): Promise<void> {
  const draft = join(dirname(path), `.${randomBytes(8).toString('hex')}.tmp`)
  try {
    await writeNewFile(draft, bytes)
    await rename(draft, path)
  } catch (error) {
    await unlink(draft).catch(() => undefined)
    throw fileError(error, 'write', path)
  }
  await syncFolder(dirname(path))
}

/** Puts a file in another's place as one step; on the disk when it returns. Throws `config`. */
export async function replaceFile(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: unknown) => {
    throw fileError(error, 'write', to)
  })
  await syncFolder(dirname(to))
}

/** Brings the names in a folder to the disk. Throws `config`. */
export async function syncFolder(path: string): Promise<void> {
  await flushFolder(path).catch((error: unknown) => {
    throw fileError(error, 'sync', path)
  })
}

/** As `syncFolder`, for a caller that has its own words for what the system throws. */
export async function flushFolder(path: PathLike): Promise<void> {
  // Windows cannot open a folder; its file system journals names by itself.
  if (process.platform === 'win32') return
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
