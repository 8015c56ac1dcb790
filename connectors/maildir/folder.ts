import { lstat } from 'node:fs/promises'
import { SealpostError } from '../../src/core/errors.ts'
import { isMissing } from '../shared/file-errors.ts'

/** The parts of a folder in which messages lie; `tmp` holds none. */
export type Place = 'new' | 'cur'

/** One mailbox of a Maildir on the disk. Paths are bytes, since names need not be text. */
export interface Folder {
  readonly directory: Buffer
}

/** The path of something in a folder; `names` are latin1 text, one character a byte. */
export function within(directory: Buffer, ...names: readonly string[]): Buffer {
  const parts: Buffer[] = [directory]
  for (const name of names) parts.push(Buffer.from(`/${name}`, 'latin1'))
  return Buffer.concat(parts)
}

/** True when this is a folder itself, not a link to one. */
export async function isDirectory(path: Buffer): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory()
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

/** What stands still exactly while nothing in the folder changes. */
export interface Fingerprint {
  /** Numbers of the file system as text, for comparing. */
  readonly text: string
  /** The latest change, in microseconds since 1970. */
  readonly changedMicros: number
  /** The file system's times have parts of a second. */
  readonly isFine: boolean
}

/**
 * Reads the fingerprint of a folder: a message that comes, goes or gets other flags changes the time of `new` or `cur`.
 * A part that is not there counts as empty. Throws what `lstat` throws when the folder has gone, and `config` for links,
 * which may lead out of the Maildir.
 */
export async function fingerprintOf(folder: Folder): Promise<Fingerprint> {
  if (!(await lstat(folder.directory)).isDirectory()) throw linkError()
  const parts: string[] = []
  let changedAt = 0n
  for (const name of ['new', 'cur', 'dovecot-keywords']) {
    try {
      const stat = await lstat(within(folder.directory, name), { bigint: true })
      if (stat.isSymbolicLink()) throw linkError()
      const { ino, mtimeNs, ctimeNs } = stat
      parts.push(`${ino.toString(36)}.${mtimeNs.toString(36)}.${ctimeNs.toString(36)}`)
      for (const time of [mtimeNs, ctimeNs]) if (time > changedAt) changedAt = time
    } catch (error) {
      if (!isMissing(error)) throw error
      parts.push('-')
    }
  }
  const isFine = changedAt % 1_000_000_000n !== 0n
  return { text: parts.join('_'), changedMicros: Number(changedAt / 1_000n), isFine }
}

function linkError(): SealpostError {
  return new SealpostError('config', 'a Maildir folder is a symbolic link', {
    hint: "links are not followed out of a Maildir: put the folder itself in the link's place",
  })
}
