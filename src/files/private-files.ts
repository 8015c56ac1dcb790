import { constants, type Stats } from 'node:fs'
import { lstat, mkdir, open, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SealpostError } from '../core/errors.ts'
import { codeOf } from '../core/system-faults.ts'
import { fileError } from './file-error.ts'

/** Absent on Windows, where the access list of the profile folder does the work. */
const NOFOLLOW = (constants.O_NOFOLLOW as number | undefined) ?? 0
const LOOSE_BITS = 0o077
/** Of a folder in which each may remove only what is his own. */
const STICKY_BIT = 0o1000
const MAX_PRIVATE_BYTES = 16 * 1024 * 1024

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
  await ensureFolder(path, makeFolder)
}

/** As above, in a folder that is there: throws `config` where it is missing, instead of making an empty one in its place. */
export async function ensurePrivateSubfolder(path: string): Promise<void> {
  await ensureFolder(path, (folder) => mkdir(folder, { mode: 0o700 }))
}

async function ensureFolder(path: string, make: (path: string) => Promise<unknown>): Promise<void> {
  try {
    await make(path)
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
 * when there is none. Throws `policy` when it is looser, `config` when it cannot be read, and where it is longer than
 * `maxBytes` what `tooLong` says. The caller wipes the result where it holds secrets.
 */
export async function readPrivateFile(
  path: string,
  maxBytes = MAX_PRIVATE_BYTES,
  tooLong: 'config' | 'corrupt' = 'config',
): Promise<Buffer | null> {
  const file = await findPrivateFile(path, constants.O_RDONLY)
  if (file === null) return null
  try {
    const { size } = await file.stat()
    if (size > maxBytes) throw new SealpostError(tooLong, `${path} is too large: ${size} bytes`)
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

/** As `openPrivateFile`; null when there is none. */
export async function findPrivateFile(path: string, flags: number): Promise<FileHandle | null> {
  return openPrivateFile(path, flags).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  })
}

/**
 * Opens a plain file of the current user that nobody else can read, following no link; creates it (0600) where the flags say
 * so. Throws `policy` for one that is looser, and `config`.
 */
export async function openPrivateFile(path: string, flags: number): Promise<FileHandle> {
  let file: FileHandle
  try {
    // Without O_NONBLOCK a pipe put in the file's place would hang the process here.
    file = await open(path, flags | NOFOLLOW | constants.O_NONBLOCK, 0o600)
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
    throw fileError(error, 'open', path)
  }
}

/** Creates a file (0600) that must not exist yet. Throws `config` with code `EEXIST` when it does. */
export async function createPrivateFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | NOFOLLOW, 0o600)
  } catch (error) {
    throw fileError(error, 'create', path)
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

/**
 * Refuses what every user of the machine may change: settings say where passwords go. A group is left to its members.
 * Throws `policy`.
 */
export function assertNotForAll(stats: Stats, path: string): void {
  const isSticky = stats.isDirectory() && (stats.mode & STICKY_BIT) !== 0
  if (process.getuid === undefined || (stats.mode & 0o002) === 0 || isSticky) return
  throw new SealpostError('policy', `${path} can be changed by every user of this machine`, {
    hint: `see that nobody has, then: chmod o-w ${quote(path)}`,
  })
}

/** The path as a shell takes it. */
function quote(path: string): string {
  return /^[\w./@+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
