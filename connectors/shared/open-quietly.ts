import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { SealpostError } from '../../src/core/errors.ts'
import { systemCode } from './file-errors.ts'

/**
 * Opens a file for reading, without leaving a trace in its times where that is allowed. Throws `rejected` for a symbolic
 * link, which may lead anywhere; `what` names the file in that message. Opening a pipe does not wait. Else throws what
 * `open` throws.
 */
export async function openQuietly(path: Buffer, what: string): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  try {
    return await openWithoutTrace(path, flags)
  } catch (error) {
    if (systemCode(error) === 'ELOOP') throw new SealpostError('rejected', `${what} is a symbolic link`)
    throw error
  }
}

async function openWithoutTrace(path: Buffer, flags: number): Promise<FileHandle> {
  const { O_NOATIME } = constants as { readonly O_NOATIME?: number }
  if (O_NOATIME === undefined) return open(path, flags)
  try {
    return await open(path, flags | O_NOATIME)
  } catch (error) {
    // Only the owner of a file may leave its access time alone.
    if (systemCode(error) === 'EPERM') return open(path, flags)
    throw error
  }
}
