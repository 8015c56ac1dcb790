import { randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { lstat, mkdir, open, rename, unlink, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SealpostError } from '../src/core/errors.ts'
import { systemFault } from '../src/core/system-faults.ts'

/** Windows has none of these: there the access list of the profile folder does the work. */
const NOFOLLOW = constants.O_NOFOLLOW as number | undefined
const LOOSE_BITS = 0o077
const MAX_PRIVATE_BYTES = 16 * 1024 * 1024

/** Codes that are about the one file, in words. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'this user may not',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is no folder',
}

/** What went wrong with a file, as one of ours; the path is named, the content never. */
export function fileError(error: unknown, what: string, path: string): SealpostError {
  if (error instanceof SealpostError) return error
  const code = codeOf(error)
  if (code === 'ELOOP')
    return new SealpostError('policy', `${path} is a symbolic link`, { code, hint: 'put the file itself there' })
  const details = code === undefined ? { cause: error } : { code, cause: error }
  const fault = systemFault(code)
  if (fault !== null) {
    return new SealpostError('config', `cannot ${what} ${path}: ${fault.text}`, { ...details, hint: fault.hint })
  }
  const reason = code === undefined ? 'unexpected error' : (REASONS[code] ?? code)
  return new SealpostError('config', `cannot ${what} ${path}: ${reason}`, details)
}

/** The code of a Node error (`ENOENT`), or undefined. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/**
 * Requires a real folder of the current user that nobody else can enter. Throws `policy` for a symbolic link, another
 * owner or looser permissions, naming the command that mends it, and `config` when there is none.
 */
export async function assertPrivateFolder(path: string): Promise<void> {
  const stats = await lstat(path).catch((error: unknown) => {
    throw fileError(error, 'open', path)
  })
  if (stats.isSymbolicLink())
    throw new SealpostError('policy', `${path} is a symbolic link`, { hint: 'use the folder itself' })
  if (!stats.isDirectory()) throw new SealpostError('config', `${path} is not a folder`)
  assertPrivate(stats, path, '700')
}

/** Where no folder can be made, as in /proc, Node's own way to make the parents too tries for ever. */
async function makeFolder(path: string): Promise<void> {
  const make = (): Promise<unknown> => mkdir(path, { mode: 0o700 })
  await make().catch(async (error: unknown) => {
    const parent = dirname(path)
    if (codeOf(error) !== 'ENOENT' || parent === path) throw error
    await makeFolder(parent).catch((failure: unknown) => {
      if (codeOf(failure) !== 'EEXIST') throw failure
    })
    await make()
  })
}

/** Makes the folder (0700) and its parents where they are missing, then requires it to be private. Twice is safe. */
export async function ensurePrivateFolder(path: string): Promise<void> {
  try {
    await makeFolder(path)
  } catch (error) {
    // A file or a link to nowhere stands in its place: the check below says which.
    const taken = await lstat(path).then(
      () => true,
      () => false,
    )
    if (!taken) throw fileError(error, 'create', path)
  }
  await assertPrivateFolder(path)
}

/**
 * Reads a file whole after checking that it is a plain file of the current user that nobody else can read. Returns null
 * when there is none. Throws `policy` when it is looser, `config` when it is longer than `maxBytes` or cannot be read.
 * The caller wipes the result where it holds secrets.
 */
export async function readPrivateFile(path: string, maxBytes = MAX_PRIVATE_BYTES): Promise<Buffer | null> {
  let file: FileHandle
  try {
    file = await openPrivateFile(path, constants.O_RDONLY)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
  try {
    const { size } = await file.stat()
    if (size > maxBytes) throw new SealpostError('config', `${path} is too large: ${size} bytes`)
    const bytes = Buffer.allocUnsafeSlow(size)
    let offset = 0
    while (offset < size) {
      const { bytesRead } = await file.read(bytes, offset, size - offset, offset)
      if (bytesRead === 0) throw new SealpostError('config', `${path} was cut while it was read`)
      offset += bytesRead
    }
    return bytes
  } catch (error) {
    throw fileError(error, 'read', path)
  } finally {
    await file.close()
  }
}

/** Opens an existing plain file of the current user that nobody else can read, following no link. Throws as above. */
export async function openPrivateFile(path: string, flags: number): Promise<FileHandle> {
  let file: FileHandle
  try {
    // Without O_NONBLOCK a pipe put in the file's place would hang the process here.
    file = await open(path, flags | (NOFOLLOW ?? 0) | constants.O_NONBLOCK)
  } catch (error) {
    throw fileError(error, 'open', path)
  }
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw new SealpostError('policy', `${path} is not a plain file`)
    assertPrivate(stats, path, '600')
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Creates a file (0600) that must not exist yet. Throws `config` with code `EEXIST` when it does. */
export async function createPrivateFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | (NOFOLLOW ?? 0), 0o600)
  } catch (error) {
    throw fileError(error, 'create', path)
  }
}

/**
 * Replaces a file (0600) as one step: a reader, and the disk after a power cut, has the old bytes or the new ones, whole.
 * The new ones are on the disk when it returns. Twice is safe.
 */
export async function writePrivateFile(path: string, bytes: Uint8Array): Promise<void> {
  const draft = join(dirname(path), `.${randomBytes(8).toString('hex')}.tmp`)
  const file = await createPrivateFile(draft)
  try {
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
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

/** Brings the names in a folder to the disk. */
export async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder; its file system journals names by itself.
  if (process.platform === 'win32') return
  try {
    const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  } catch (error) {
    throw fileError(error, 'sync', path)
  }
}

function assertPrivate(stats: Stats, path: string, mode: string): void {
  if (process.getuid === undefined) return
  if (stats.uid !== process.getuid()) {
    throw new SealpostError('policy', `${path} belongs to another user`, {
      hint: 'run as its owner, or take it over with chown',
    })
  }
  if ((stats.mode & LOOSE_BITS) !== 0) {
    const found = (stats.mode & 0o777).toString(8)
    throw new SealpostError('policy', `${path} is open to other users (mode ${found})`, {
      hint: `chmod ${mode} ${quote(path)}`,
    })
  }
}

/** The path as a shell takes it. */
function quote(path: string): string {
  return /^[\w./@+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
