import { constants } from 'node:fs'
import { rename, unlink, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SealpostError } from '../core/errors.ts'
import { syncFolder } from '../files/durable.ts'
import { fileError } from '../files/file-error.ts'
import { findPrivateFile } from '../files/private-files.ts'

/** Length of a private file; null when there is none. */
export async function sizeOf(path: string): Promise<number | null> {
  const file = await findPrivateFile(path, constants.O_RDONLY)
  if (file === null) return null
  try {
    return (await file.stat()).size
  } finally {
    await file.close()
  }
}

/** Appends to a private file, creating it where it is missing; on the disk when it returns. */
export async function appendDurably(path: string, bytes: Uint8Array): Promise<void> {
  await withFile(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, async (file) => {
    await file.writeFile(bytes)
    await file.sync()
  })
}

/** Opens an existing private file, or one to be created, for one piece of work. Throws `corrupt` when it is missing. */
export async function withFile<T>(
  path: string,
  flags: number,
  work: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const file = await findPrivateFile(path, flags)
  if (file === null) throw new SealpostError('corrupt', `${path} is missing`)
  try {
    return await work(file)
  } catch (error) {
    throw fileError(error, 'write', path)
  } finally {
    await file.close()
  }
}

/**
 * Replaces a file (0600) as one step: a reader, and the disk after a power cut, has the old bytes or the new ones, whole.
 * On the disk when it returns. Twice is safe, at once is not: the draft's name is fixed, so that none is left behind.
 */
export async function replaceDurably(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.draft`
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC
    await withFile(draft, flags, async (file) => {
      await file.writeFile(bytes)
      await file.sync()
    })
    await rename(draft, path)
  } catch (error) {
    await unlink(draft).catch(() => undefined)
    throw fileError(error, 'write', path)
  }
  await syncFolder(dirname(path))
}
