import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { unlink, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SealpostError } from '../src/core/errors.ts'
import { codeOf } from '../src/core/system-faults.ts'
import { syncFolder } from '../src/files/durable.ts'
import { fileError } from '../src/files/file-error.ts'
import { openPrivateFile } from '../src/files/private-files.ts'
import { wipe } from './secret.ts'

/** What was done to one file. */
export interface ErasedFile {
  readonly existed: boolean
  readonly bytes: number
  /** What was read back after overwriting differs from what stood there before; null when nothing stood there. */
  readonly readBackDiffers: boolean | null
}

/** Overwrites a file in place, brings that to the disk, reads it back and removes it. Twice is safe. Throws `config`. */
export async function eraseFile(path: string): Promise<ErasedFile> {
  let file: FileHandle
  try {
    file = await openPrivateFile(path, constants.O_RDWR)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { existed: false, bytes: 0, readBackDiffers: null }
    throw error
  }
  let bytes: number
  let readBackDiffers: boolean
  try {
    bytes = (await file.stat()).size
    const before = await readAll(file, bytes)
    const random = randomBytes(bytes)
    for (let offset = 0; offset < bytes;) {
      offset += (await file.write(random, offset, bytes - offset, offset)).bytesWritten
    }
    await file.sync()
    const after = await readAll(file, bytes)
    if (!after.equals(random)) throw new SealpostError('config', `${path} could not be overwritten`)
    readBackDiffers = bytes === 0 || !after.equals(before)
    wipe(before, after)
  } catch (error) {
    throw fileError(error, 'overwrite', path)
  } finally {
    await file.close()
  }
  await unlink(path).catch((error: unknown) => {
    throw fileError(error, 'remove', path)
  })
  await syncFolder(dirname(path))
  return { existed: true, bytes, readBackDiffers }
}

async function readAll(file: FileHandle, bytes: number): Promise<Buffer> {
  const whole = Buffer.allocUnsafeSlow(bytes)
  let offset = 0
  while (offset < bytes) {
    const { bytesRead } = await file.read(whole, offset, bytes - offset, offset)
    if (bytesRead === 0) throw new SealpostError('config', 'a file was cut while it was read')
    offset += bytesRead
  }
  return whole
}
