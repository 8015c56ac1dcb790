import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { unlink, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SealpostError } from '../src/core/errors.ts'
import { syncFolder } from '../src/files/durable.ts'
import { fileError } from '../src/files/file-error.ts'
import { createPrivateFile, openPrivateFile } from '../src/files/private-files.ts'
import { mergeKey, SLOT_BYTES, splitKey } from './af-split.ts'
import { wipe } from './secret.ts'

/**
 * Writes a shred key into a slot file of its own, which must not exist: created, kept from copy-on-write where the file
 * system can, filled and brought to the disk, and only then overwritten in place with the split key. Read back before it
 * returns. Throws `config` when it exists or cannot be written.
 */
export async function createSlot(path: string, shredKey: Buffer): Promise<void> {
  const file = await createPrivateFile(path)
  const split = splitKey(shredKey)
  try {
    // Only has an effect while the file is empty.
    await refuseCopyOnWrite(path)
    await overwrite(file, randomBytes(SLOT_BYTES))
    await syncFolder(dirname(path))
    await overwrite(file, split)
    const stored = await readSlotBytes(file, path)
    const same = stored.equals(split)
    wipe(stored)
    if (!same) throw new SealpostError('config', `${path} does not read back as it was written`)
  } catch (error) {
    throw fileError(error, 'write', path)
  } finally {
    wipe(split)
    await file.close()
  }
}

/**
 * Reads a slot; the caller wipes the key and checks it, for a damaged slot gives another one. Throws `locked` when there
 * is none, `policy` when it is open to others or has a second name, `corrupt` when its length is wrong.
 */
export async function readSlot(path: string): Promise<Buffer> {
  const file = await openSlot(path, constants.O_RDONLY)
  if (file === null) {
    throw new SealpostError(
      'locked',
      'the shred key of this project is gone: nothing of it can be opened any more',
      {
        hint: `it was destroyed at sign-off, or ${path} was lost`,
      },
    )
  }
  try {
    const { nlink } = await file.stat()
    if (nlink !== 1)
      throw new SealpostError('policy', `${path} has a second name`, { hint: 'remove the other hard link' })
    const slot = await readSlotBytes(file, path)
    try {
      return mergeKey(slot)
    } finally {
      wipe(slot)
    }
  } finally {
    await file.close()
  }
}

/** Overwrites a slot in place, brings that to the disk, and removes it. Twice is safe: false when there is none. */
export async function destroySlot(path: string): Promise<boolean> {
  const file = await openSlot(path, constants.O_RDWR)
  if (file === null) return false
  try {
    await overwrite(file, randomBytes(SLOT_BYTES))
  } finally {
    await file.close()
  }
  await unlink(path).catch((error: unknown) => {
    throw fileError(error, 'remove', path)
  })
  await syncFolder(dirname(path))
  return true
}

async function openSlot(path: string, flags: number): Promise<FileHandle | null> {
  try {
    return await openPrivateFile(path, flags)
  } catch (error) {
    if (error instanceof SealpostError && error.code === 'ENOENT') return null
    throw error
  }
}

async function overwrite(file: FileHandle, bytes: Buffer): Promise<void> {
  let offset = 0
  while (offset < bytes.length) {
    const { bytesWritten } = await file.write(bytes, offset, bytes.length - offset, offset)
    offset += bytesWritten
  }
  await file.sync()
}

async function readSlotBytes(file: FileHandle, path: string): Promise<Buffer> {
  const { size } = await file.stat()
  if (size !== SLOT_BYTES) throw new SealpostError('corrupt', `${path} has ${size} bytes instead of ${SLOT_BYTES}`)
  const slot = Buffer.allocUnsafeSlow(SLOT_BYTES)
  let offset = 0
  while (offset < SLOT_BYTES) {
    const { bytesRead } = await file.read(slot, offset, SLOT_BYTES - offset, offset)
    if (bytesRead === 0) throw new SealpostError('corrupt', `${path} was cut while it was read`)
    offset += bytesRead
  }
  return slot
}

/** Sets NOCOW where there is such a thing (btrfs). Failing is no error: what it means is reported at sign-off. */
function refuseCopyOnWrite(path: string): Promise<void> {
  if (process.platform !== 'linux') return Promise.resolve()
  return new Promise((resolve) => {
    execFile('chattr', ['+C', '--', path], { timeout: 5000, windowsHide: true }, () => resolve())
  })
}
