import { constants, type Stats } from 'node:fs'
import { lstat, mkdir, open, rename, unlink, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SealpostError } from '../core/errors.ts'
import { systemFault } from '../core/system-faults.ts'

/** Absent on Windows, where the profile folder does the work. */
const NOFOLLOW = (constants.O_NOFOLLOW as number | undefined) ?? 0
const LOOSE_BITS = 0o077

/** What went wrong with a file, as one of ours; the path is named, the content never. */
export function fileError(error: unknown, what: string, path: string): SealpostError {
  if (error instanceof SealpostError) return error
  const code = codeOf(error)
  const details = { cause: error, ...(code === undefined ? {} : { code }) }
  const fault = systemFault(code)
  if (fault !== null) {
    return new SealpostError('config', `cannot ${what} ${path}: ${fault.text}`, { ...details, hint: fault.hint })
  }
  if (code === 'ELOOP') return new SealpostError('policy', `${path} is a symbolic link`, details)
  return new SealpostError('config', `cannot ${what} ${path}: ${code ?? 'unexpected error'}`, details)
}

/** The code of a Node error (`ENOENT`), or undefined. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/**
 * Makes the folder (0700) where it is missing, then requires it to be a real one of the current user that nobody else can
 * enter; throws `policy` otherwise, and `config` where the folder above it is missing. Twice is safe.
 */
export async function ensurePrivateFolder(path: string): Promise<void> {
  try {
    // That above is the workspace, which is there: Node's way to make parents too tries for ever below /proc.
    await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
    })
    const stats = await lstat(path)
    if (!stats.isDirectory()) throw new SealpostError('policy', `${path} is not a folder`)
    assertPrivate(stats, path, '700')
  } catch (error) {
    throw fileError(error, 'create', path)
  }
}

/**
 * Opens a plain file of the current user that nobody else can read, following no link; creates it (0600) when the flags
 * say so. Returns null when there is none. Throws `policy` when it is looser.
 */
export async function openPrivateFile(path: string, flags: number): Promise<FileHandle | null> {
  let file: FileHandle
  try {
    // Without O_NONBLOCK a pipe put in the file's place would hang the process here.
    file = await open(path, flags | NOFOLLOW | constants.O_NONBLOCK, 0o600)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw fileError(error, 'open', path)
  }
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw new SealpostError('policy', `${path} is not a plain file`)
    assertPrivate(stats, path, '600')
    return file
  } catch (error) {
    await file.close()
    throw fileError(error, 'open', path)
  }
}

/** Reads a private file whole; null when there is none. Throws `corrupt` when it is longer than `maxBytes`. */
export async function readPrivateFile(path: string, maxBytes: number): Promise<Buffer | null> {
  const file = await openPrivateFile(path, constants.O_RDONLY)
  if (file === null) return null
  try {
    if ((await file.stat()).size > maxBytes) throw new SealpostError('corrupt', `${path} is too large`)
    return await file.readFile()
  } catch (error) {
    throw fileError(error, 'read', path)
  } finally {
    await file.close()
  }
}

/** Length of a private file; null when there is none. */
export async function sizeOf(path: string): Promise<number | null> {
  const file = await openPrivateFile(path, constants.O_RDONLY)
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
  const file = await openPrivateFile(path, flags)
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

/** Brings the names in a folder to the disk. Windows cannot open a folder; its file system journals names by itself. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  try {
    const folder = await open(path, constants.O_RDONLY)
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
  if (stats.uid !== process.getuid()) throw new SealpostError('policy', `${path} belongs to another user`)
  if ((stats.mode & LOOSE_BITS) === 0) return
  const found = (stats.mode & 0o777).toString(8)
  throw new SealpostError('policy', `${path} is open to other users (mode ${found})`, {
    hint: `chmod ${mode} ${path}`,
  })
}
