import { lstat, readdir, realpath } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { printable, SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import { formatPath, samePath } from '../../src/core/mailbox-path.ts'
import { joinBytes } from '../../src/files/byte-paths.ts'
import { isMissing } from '../shared/file-errors.ts'
import { notMbox, type IndexCache } from './index-cache.ts'
import type { MboxFile } from './mbox-file.ts'

/** A mailbox as the files of an account show it. */
export interface Folder {
  readonly path: readonly string[]
  /** Null for a level that only holds others. */
  readonly file: MboxFile | null
}

/** All mail of one account. */
export interface Tree {
  readonly folders: readonly Folder[]
  /** Files whose labels say where each message belongs. */
  readonly takeout: readonly MboxFile[]
  /** Folders of Thunderbird that have an index file and no mail file: their mail lies on a server only. */
  readonly fileless: number
}

const MAX_DEPTH = 32
const MBOX_ENDING = /\.mbo?x$/i

/** The account's file or folder, links resolved. Throws `config` when there is none. */
export async function openRoot(account: string, path: string): Promise<Buffer> {
  const refusal = (why: string): SealpostError =>
    new SealpostError('config', `the mbox of account ${account} ${why}`)
  if (!isAbsolute(path) || path.includes('\0')) throw refusal('is not given as an absolute path')
  try {
    return Buffer.from(await realpath(path), 'utf8')
  } catch (error) {
    if (isMissing(error)) throw refusal('does not exist')
    throw error
  }
}

/**
 * Finds the mail of an account: one file, or a folder of files as Thunderbird (`Sent`, `Sent.msf`, `Sent.sbd/`), Google
 * Takeout (`Mail/*.mbox`), Apple Mail (`Sent.mbox/mbox`) and others lay them out. Throws `config` for a file that should
 * be an mbox and is none, for a link, which may lead anywhere, and for a Maildir: leaving them out would lose mail.
 */
export async function readTree(
  account: string,
  root: Buffer,
  cache: IndexCache,
  signal: AbortSignal,
): Promise<Tree> {
  const folders: Folder[] = []
  const takeout: MboxFile[] = []
  let fileless = 0

  if (!(await lstat(root)).isDirectory()) {
    const file = { path: root, label: `of account ${account}` }
    await addFile(file, ['INBOX'], true)
    return { folders, takeout, fileless }
  }
  await walk(root, [], 0)
  if (folders.every(({ file }) => file === null) && takeout.length === 0) {
    throw new SealpostError('config', `the mbox folder of account ${account} holds no mbox file`)
  }
  return { folders, takeout, fileless }

  async function walk(directory: Buffer, above: readonly string[], depth: number): Promise<void> {
    throwIfAborted(signal)
    if (depth > MAX_DEPTH) throw new SealpostError('config', `the mbox folder of account ${account} is too deep`)
    const entries = (await readdir(directory, { withFileTypes: true, encoding: 'buffer' }))
      .map((entry) => ({ entry, name: textOf(entry.name) }))
      .filter(({ name }) => !name.startsWith('.'))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
    const names = new Set(entries.map(({ name }) => name))
    if (names.has('cur') && names.has('tmp')) throw wrong(directory, 'is a Maildir: read it with kind: maildir')
    for (const { entry, name } of entries) {
      const path = joinBytes(directory, entry.name)
      if (entry.isSymbolicLink()) throw wrong(path, 'is a symbolic link')
      if (entry.isDirectory()) await addDirectory(path, name, names)
      else if (entry.isFile()) await addEntry(path, name, names)
    }

    async function addDirectory(path: Buffer, name: string, siblings: ReadonlySet<string>): Promise<void> {
      const inner = joinBytes(path, Buffer.from('mbox'))
      if (MBOX_ENDING.test(name) && (await isFile(inner))) {
        await addFile({ path: inner, label: labelOf(inner) }, [...above, plainName(name, siblings)], true)
        return
      }
      const level = name.endsWith('.sbd') ? name.slice(0, -'.sbd'.length) : name
      const own = levelOf(level, above)
      const before = folders.length
      await walk(path, own, depth + 1)
      const hasFile = name.endsWith('.sbd') && [level, `${level}.msf`].some((each) => siblings.has(each))
      if (folders.length > before && !hasFile) folders.push({ path: own, file: null })
    }

    async function addEntry(path: Buffer, name: string, siblings: ReadonlySet<string>): Promise<void> {
      if (name.endsWith('.msf')) {
        const level = name.slice(0, -'.msf'.length)
        if (siblings.has(level)) return
        folders.push({ path: levelOf(level, above), file: null })
        fileless++
        return
      }
      const isMeant = MBOX_ENDING.test(name) || siblings.has(`${name}.msf`)
      await addFile({ path, label: labelOf(path) }, levelOf(plainName(name, siblings), above), isMeant)
    }
  }

  /** A file that nothing marks as an mbox counts as one when it begins like one: profiles hold files of many kinds. */
  async function addFile(file: MboxFile, path: readonly string[], isMeant: boolean): Promise<void> {
    const beginning = await cache.beginning(file)
    if (beginning.kind === 'mbox' && beginning.isTakeout) takeout.push(file)
    else if (beginning.kind === 'mbox' || (beginning.kind === 'empty' && isMeant)) {
      const isTaken = folders.some((other) => other.file !== null && samePath(other.path, path))
      if (isTaken) throw notMbox(file, `stands for the mailbox ${formatPath(path)}, and so does another file`)
      folders.push({ path, file })
    }
    if (beginning.kind === 'other' && isMeant) throw notMbox(file, beginning.why)
  }

  function labelOf(path: Buffer): string {
    return `"${printable(textOf(path.subarray(root.length + 1)), 200)}" of account ${account}`
  }

  function wrong(path: Buffer, why: string): SealpostError {
    return new SealpostError(
      'config',
      `${path.equals(root) ? `the mbox folder of account ${account}` : labelOf(path)} ${why}`,
    )
  }
}

/** The inbox has one name, whatever its file is called. */
function levelOf(name: string, above: readonly string[]): readonly string[] {
  return above.length === 0 && name.toLowerCase() === 'inbox' ? ['INBOX'] : [...above, name]
}

/** The name without `.mbox`, unless another file has that name. */
function plainName(name: string, siblings: ReadonlySet<string>): string {
  const plain = name.replace(MBOX_ENDING, '')
  return plain === '' || plain === name || siblings.has(plain) ? name : plain
}

async function isFile(path: Buffer): Promise<boolean> {
  try {
    return (await lstat(path)).isFile()
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

/** Names are UTF-8 nearly always, and Latin-1 where they cannot be. */
function textOf(name: Buffer): string {
  const text = name.toString('utf8')
  return Buffer.from(text, 'utf8').equals(name) ? text.normalize('NFC') : name.toString('latin1')
}
