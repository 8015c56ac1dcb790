import { SealpostError } from '../../src/core/errors.ts'
import { decodeModifiedUtf7, encodeModifiedUtf7 } from '../shared/modified-utf7.ts'
import { canonicalPath, checkName } from '../shared/mailbox-names.ts'
import type { MailboxNaming } from '../../src/core/mail.ts'

/** Handle of the inbox; those of other mailboxes are the names of their folders, which begin with a dot. */
export const INBOX_NAME = 'INBOX'

const DELIMITER = '.'
/** The longest file name that the usual file systems have. */
const MOST_BYTES = 255

/** The naming of a Maildir++; `caseSensitive` is a fact of the file system. */
export function maildirNaming(caseSensitive: boolean): MailboxNaming {
  return { delimiter: DELIMITER, forbidden: '/', maxLevelBytes: 200, caseSensitive, belowInbox: false }
}

/**
 * The path of a folder's name, which is latin1 text, one character a byte. Levels are modified UTF-7 (Dovecot,
 * Courier), or UTF-8 where a level is not ASCII (Dovecot's `:UTF-8`). A name that reads as neither, or has an empty
 * level, or would be taken for the inbox, is one level as it stands, dot and all: no name is left out.
 */
export function pathOfFolder(name: string): readonly string[] {
  if (name === INBOX_NAME) return ['INBOX']
  const levels = name.slice(1).split(DELIMITER).map(decodeLevel)
  const isPlain = levels.every((level) => level !== null && level !== '' && !/\p{Cc}/u.test(level))
  if (!isPlain || (levels.length === 1 && levels[0]?.toUpperCase() === 'INBOX')) return [asText(name)]
  return levels.filter((level) => level !== null)
}

/**
 * The paths of folders, each its own: where two names read as one path (modified UTF-7 and UTF-8 for the same text),
 * the later one in order stands for itself.
 */
export function pathsOfFolders(names: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const taken = new Set<string>()
  const paths = new Map<string, readonly string[]>()
  const others = names.filter((name) => name !== INBOX_NAME).sort()
  for (const name of [...names.filter((each) => each === INBOX_NAME), ...others]) {
    let path = pathOfFolder(name)
    for (let count = 1; taken.has(path.join('\0')); count++) path = [`${asText(name)}${'~'.repeat(count - 1)}`]
    taken.add(path.join('\0'))
    paths.set(name, path)
  }
  return paths
}

/** The folder's name for a path, or `INBOX`. Throws `rejected` for what cannot be stored. */
export function folderOfPath(path: readonly string[], naming: MailboxNaming): string {
  checkName(path, naming)
  const canonical = canonicalPath(path, naming)
  if (canonical.length === 1 && canonical[0] === 'INBOX') return INBOX_NAME
  const name = DELIMITER + canonical.map(encodeModifiedUtf7).join(DELIMITER)
  if (name.length > MOST_BYTES) {
    throw new SealpostError('rejected', 'mailbox name refused: it is too long for a folder', { code: 'CANNOT' })
  }
  return name
}

function decodeLevel(level: string): string | null {
  if (/^[\x20-\x7e]*$/.test(level)) return decodeModifiedUtf7(level)
  const bytes = Buffer.from(level, 'latin1')
  const text = bytes.toString('utf8')
  return Buffer.from(text, 'utf8').equals(bytes) ? text : null
}

/** A raw name as text: what is not UTF-8 is taken as latin1; control characters stay, the mapper replaces them. */
function asText(name: string): string {
  const bytes = Buffer.from(name, 'latin1')
  const text = bytes.toString('utf8')
  return Buffer.from(text, 'utf8').equals(bytes) ? text : name
}
