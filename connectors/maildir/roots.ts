import { lstat, mkdir, readdir, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { SealpostError } from '../../src/core/errors.ts'
import { flushFolder } from '../../src/files/durable.ts'
import { isMissing } from '../shared/file-errors.ts'
import { isDirectory, within } from './folder.ts'
import { makeDirectory, makeParts } from './ownership.ts'
import type { SessionFacts } from './session-context.ts'

/** The Maildir of a source account, links resolved. Throws `config` when there is none. */
export async function openSourceRoot(account: string, path: string): Promise<Buffer> {
  checkAbsolute(account, path)
  let root
  try {
    root = Buffer.from(await realpath(path), 'utf8')
  } catch (error) {
    if (isMissing(error)) throw refusal(account, 'does not exist')
    throw error
  }
  for (const part of ['cur', 'new']) if (await isDirectory(within(root, part))) return root
  throw refusal(account, 'has neither a cur nor a new folder')
}

/**
 * The Maildir of a destination account, made when it is not there. Throws `config` for a folder that holds other
 * things, and for one that is, holds or lies in one of `apartFrom`. Twice is safe.
 */
export async function openDestinationRoot(
  account: string,
  path: string,
  apartFrom: readonly string[],
): Promise<Buffer> {
  const real = await placeOfDestination(account, path, apartFrom)
  const root = Buffer.from(real, 'utf8')
  await makeRoot(real, root)
  // In this order: another lane may be making the Maildir, and a folder in it, just now.
  const rest = (await readdir(root)).filter((name) => !['tmp', 'new', 'cur'].includes(name))
  const isMaildir = await isDirectory(within(root, 'cur'))
  if (!isMaildir && rest.length > 0) throw refusal(account, 'is a folder with other things in it')
  await makeParts(await ownerOf(root), root)
  await flushFolder(root)
  return root
}

/** False while the Maildir of a destination account is still to be made. Throws as `openDestinationRoot`; makes nothing. */
export async function isDestinationThere(
  account: string,
  path: string,
  apartFrom: readonly string[],
): Promise<boolean> {
  return isDirectory(Buffer.from(await placeOfDestination(account, path, apartFrom), 'utf8'))
}

async function placeOfDestination(account: string, path: string, apartFrom: readonly string[]): Promise<string> {
  checkAbsolute(account, path)
  const real = await realpathOfFuture(path)
  for (const other of apartFrom) {
    if (overlaps(real, await realpathOfFuture(other))) throw refusal(account, 'is, holds or lies in the source')
  }
  return real
}

/** Makes the folder for the owner of the one that it lies in. Twice is safe. */
async function makeRoot(real: string, root: Buffer): Promise<void> {
  if (await isDirectory(root)) return
  const parent = dirname(real)
  await mkdir(parent, { recursive: true, mode: 0o700 })
  await makeDirectory(await ownerOf(Buffer.from(parent, 'utf8')), root)
}

/** Whom the files in a Maildir belong to, when that is not us and we may give files away; else null. */
export async function ownerOf(root: Buffer): Promise<SessionFacts['owner']> {
  if (process.getuid?.() !== 0) return null
  const { uid, gid } = await stat(root)
  return uid === 0 ? null : { uid, gid }
}

/** False where the file system takes `CUR` for `cur`. */
export async function isCaseSensitive(root: Buffer): Promise<boolean> {
  try {
    await lstat(within(root, 'CUR'))
    return false
  } catch (error) {
    if (isMissing(error)) return true
    throw error
  }
}

/** The path with the links in that part of it resolved that exists. */
async function realpathOfFuture(path: string): Promise<string> {
  const whole = resolve(path)
  try {
    return await realpath(whole)
  } catch (error) {
    const parent = dirname(whole)
    if (!isMissing(error) || parent === whole) throw error
    return join(await realpathOfFuture(parent), relative(parent, whole))
  }
}

function overlaps(a: string, b: string): boolean {
  return isIn(a, b) || isIn(b, a)
}

function isIn(inner: string, outer: string): boolean {
  const way = relative(outer, inner)
  return way === '' || (way !== '..' && !way.startsWith('../') && !isAbsolute(way))
}

function checkAbsolute(account: string, path: string): void {
  if (!isAbsolute(path) || path.includes('\0')) throw refusal(account, 'is not given as an absolute path')
}

function refusal(account: string, why: string): SealpostError {
  return new SealpostError('config', `the Maildir of account ${account} ${why}`)
}
