import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, open, readdir, rmdir, unlink } from 'node:fs/promises'
import { SealpostError } from '../core/errors.ts'
import { codeOf } from '../core/system-faults.ts'
import { joinBytes } from '../files/byte-paths.ts'
import { flushFolder } from '../files/durable.ts'

/** One file that was found below a folder. */
export interface FoundFile {
  /** To be shown: a name that is not UTF-8 has signs of replacement in it. */
  readonly path: string
  readonly bytePath: Buffer
  readonly bytes: number
  /** False for links, sockets and the like. */
  readonly plain: boolean
}

/** How a file is removed: `overwrite` for what may stand in the clear, `unlink` for what is sealed under keys that are gone. */
export type Removal = 'overwrite' | 'unlink'

const PIECE_BYTES = 1024 * 1024

/** Every file below a folder, or the file itself; none when it is not there. Links are not followed. */
export async function listFiles(path: string | Buffer): Promise<readonly FoundFile[]> {
  const bytePath = bytesOf(path)
  const stats = await lstat(bytePath).catch((error: unknown) => absent(error, path))
  if (stats === null) return []
  if (!stats.isDirectory()) {
    const plain = stats.isFile()
    return [{ path: path.toString(), bytePath, bytes: plain ? stats.size : 0, plain }]
  }
  const found: FoundFile[] = []
  const names = (await readdir(bytePath, { encoding: 'buffer' })).sort((a, b) => Buffer.compare(a, b))
  for (const name of names) found.push(...(await listFiles(joinBytes(bytePath, name))))
  return found
}

/**
 * Removes a file or folder with all below it and brings that to the disk. A link is removed and what it leads to stays;
 * so does the content of a file that has a second name, which is somebody's copy. Twice is safe. Throws `config`.
 */
export async function removeTree(path: string | Buffer, removal: Removal): Promise<void> {
  const stats = await lstat(path).catch((error: unknown) => absent(error, path))
  if (stats === null) return
  try {
    if (stats.isDirectory()) {
      for (const name of await readdir(path, { encoding: 'buffer' }))
        await removeTree(joinBytes(bytesOf(path), name), removal)
      await rmdir(path)
    } else {
      if (removal === 'overwrite' && stats.isFile() && stats.nlink === 1) await overwriteFile(path)
      await unlink(path)
    }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw fileError(error, 'remove', path)
  }
}

/** SHA-256 in hex of a file's bytes. Throws `config` when it cannot be read. */
export async function digestFile(path: string | Buffer): Promise<string> {
  const hash = createHash('sha256')
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      const piece = Buffer.allocUnsafe(PIECE_BYTES)
      for (;;) {
        const { bytesRead } = await file.read(piece, 0, PIECE_BYTES, null)
        if (bytesRead === 0) return hash.digest('hex')
        hash.update(piece.subarray(0, bytesRead))
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    throw fileError(error, 'read', path)
  }
}

/** Brings the names in a folder to the disk; false when there is no such folder. Nothing to do on Windows. */
export async function syncNames(folder: string): Promise<boolean> {
  try {
    await flushFolder(folder)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw fileError(error, 'sync', folder)
  }
}

/** Once with random bytes, in place; what that is worth depends on the file system, and the certificate says so. */
async function overwriteFile(path: string | Buffer): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_NOFOLLOW)
  try {
    const { size } = await file.stat()
    for (let offset = 0; offset < size;) {
      const piece = randomBytes(Math.min(PIECE_BYTES, size - offset))
      offset += (await file.write(piece, 0, piece.length, offset)).bytesWritten
    }
    await file.sync()
  } finally {
    await file.close()
  }
}

function bytesOf(path: string | Buffer): Buffer {
  return typeof path === 'string' ? Buffer.from(path) : path
}

function absent(error: unknown, path: string | Buffer): null {
  if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null
  throw fileError(error, 'open', path)
}

function fileError(error: unknown, what: string, path: string | Buffer): SealpostError {
  if (error instanceof SealpostError) return error
  const code = codeOf(error)
  return new SealpostError(
    'config',
    `sign-off: cannot ${what} ${path.toString()}: ${code ?? 'unexpected error'}`,
    {
      hint: 'make it removable for this user, then run sealpost signoff again: it goes on from here',
      cause: error,
      ...(code === undefined ? {} : { code }),
    },
  )
}
