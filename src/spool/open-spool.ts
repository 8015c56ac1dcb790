import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, readdir, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { SealpostError, toSealpostError } from '../core/errors.ts'
import type { Sealer, Spool, SpoolObject } from '../core/ports.ts'
import { codeOf } from '../core/system-faults.ts'
import { flushFolder } from '../files/durable.ts'
import { toSpoolError } from './spool-error.ts'

const NAME = /^[0-9a-f]{32}\.sealed$/
const READ_BYTES = 256 * 1024

/**
 * Opens the spool in `folder`, which is made (0700) when it is first needed. Each object is one file of mode 0600 under
 * a random name, sealed with that name as context, so that objects cannot be exchanged for one another. A piece at a
 * time is in memory, whatever the size of an object.
 *
 * `write` throws what reading `pieces` throws, `quota` for a full disk, and leaves no file behind then. Reading an
 * object throws `corrupt` for damage, at the latest at its end.
 */
export function openSpool(folder: string, sealer: Sealer): Spool {
  /** Objects of this process: `sweep` is for those of others. */
  const live = new Set<string>()

  const discard = async (name: string): Promise<void> => {
    try {
      await unlink(join(folder, name))
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw toSpoolError(error, 'removing an object')
    }
    live.delete(name)
  }

  const createObject = (name: string, bytes: number): SpoolObject => ({
    bytes,
    open: () => readObject(folder, name, bytes, sealer),
    remove: () => discard(name),
  })

  return {
    write: async (pieces) => {
      const name = `${randomBytes(16).toString('hex')}.sealed`
      live.add(name)
      try {
        const bytes = await writeObject(folder, name, pieces, sealer)
        return createObject(name, bytes)
      } catch (error) {
        // What went wrong first is what is told; a file that cannot be removed now is swept later.
        await discard(name).catch(() => live.delete(name))
        throw toSpoolError(error, 'writing an object')
      }
    },

    sweep: async () => {
      let count = 0
      for (const name of await listNames(folder)) {
        if (!NAME.test(name) || live.has(name)) continue
        await discard(name)
        count++
      }
      return count
    },
  }
}

/** Returns the length of the plaintext once the sealed bytes and the file's name are on the disk. */
async function writeObject(
  folder: string,
  name: string,
  pieces: AsyncIterable<Uint8Array>,
  sealer: Sealer,
): Promise<number> {
  const counter = { bytes: 0 }
  const file = await createFile(folder, name)
  try {
    for await (const sealed of sealer.seal(name, counted(pieces, counter))) await writeWhole(file, sealed)
    await file.sync()
  } finally {
    await file.close()
  }
  await flushFolder(folder)
  return counter.bytes
}

async function createFile(folder: string, name: string): Promise<FileHandle> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
  try {
    return await open(join(folder, name), flags, 0o600)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  await mkdir(folder, { recursive: true, mode: 0o700 })
  return open(join(folder, name), flags, 0o600)
}

/** A write may take less than it was given. */
async function writeWhole(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let written = 0; written < piece.length;) {
    written += (await file.write(piece, written, piece.length - written)).bytesWritten
  }
}

async function* counted(
  pieces: AsyncIterable<Uint8Array>,
  counter: { bytes: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const piece of pieces) {
      counter.bytes += piece.length
      yield piece
    }
  } catch (error) {
    // Not an error of the disk, whatever its code.
    throw toSealpostError(error, 'spool: reading a body')
  }
}

async function* readObject(
  folder: string,
  name: string,
  bytes: number,
  sealer: Sealer,
): AsyncGenerator<Uint8Array, void, undefined> {
  let read = 0
  for await (const piece of sealer.open(name, readPieces(join(folder, name)))) {
    read += piece.length
    if (read > bytes) break
    yield piece
  }
  if (read !== bytes) throw new SealpostError('corrupt', 'spool: an object has another length than was written')
}

/** Each piece is a buffer of its own: the sealer may hold on to it. */
async function* readPieces(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  let file: FileHandle | undefined
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES, null)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } catch (error) {
    throw toSpoolError(error, 'reading an object')
  } finally {
    await file?.close()
  }
}

async function listNames(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw toSpoolError(error, 'listing the folder')
  }
}
