import type { BackupForm } from '../../src/core/backups.ts'
import { SealpostError } from '../../src/core/errors.ts'
import { normalizeFlags, type SpecialUse } from '../../src/core/mail.ts'
import { nameProblem } from '../shared/mailbox-names.ts'
import { mailboxFolder, mboxPath, messagePath } from './entry-path.ts'
import { ARCHIVE_NAMING } from './facts.ts'
import type { MboxPlace } from './mbox-form.ts'

/** First member of a volume's header (docs/formats.md). */
export const FORMAT = 'sealpost-backup-v1'

/** What a volume says of itself, before everything else. */
export interface VolumeHeader {
  readonly format: typeof FORMAT
  /** Of all sets of one chain and its siblings: keys mean the same. */
  readonly series: string
  readonly set: string
  /** Number of the set in its chain, from 1. */
  readonly sequence: number
  /** Number of the volume in its set, from 1. */
  readonly volume: number
  /** SHA-256 of the plain archive in the volume before. */
  readonly previous: string | null
  /** The set before, and the SHA-256 of the plain archive in its last volume. */
  readonly parent: { readonly set: string; readonly sha256: string } | null
  readonly account: string | null
  /** What holds the messages: a file each, or one for many of a mailbox. */
  readonly form: BackupForm
  /** RFC 3339. */
  readonly began: string
}

/** The last file of a volume. */
export interface VolumeEnd {
  readonly messages: number
  readonly messageBytes: number
  readonly changes: number
  /** No other volume follows in its set. */
  readonly last: boolean
}

/** A mailbox, as it was when the volume was written. */
export interface MailboxLine {
  readonly kind: 'mailbox'
  readonly account: string
  readonly mailbox: readonly string[]
  readonly path: string
  readonly specialUse: SpecialUse | null
  readonly subscribed: boolean
}

/** A message that lies in the archive before this line; in a volume of mbox files, in the file that follows. */
export interface MessageLine {
  readonly kind: 'message'
  readonly path: string
  readonly account: string
  readonly mailbox: readonly string[]
  readonly number: number
  /** Its key at the source, for IMAP the UID; null where nobody said. */
  readonly uid: string | null
  /** RFC 3339 with milliseconds, UTC. */
  readonly internalDate: string
  readonly flags: readonly string[]
  readonly keywords: readonly string[]
  readonly labels: readonly string[]
  readonly size: number
  readonly sha256: string
  /** In a volume of mbox files: its place in the one at `path`, behind those that are listed before it. */
  readonly mbox?: MboxPlace
}

/** Flags that have changed on a message of this volume or an earlier one. */
export interface FlagsLine {
  readonly kind: 'flags'
  readonly account: string
  readonly number: number
  readonly add: readonly string[]
  readonly remove: readonly string[]
}

/** One line of a manifest. */
export type ManifestLine = MailboxLine | MessageLine | FlagsLine

const SPECIAL_USES: readonly string[] = [
  ...['inbox', 'all', 'archive', 'drafts', 'flagged', 'important', 'junk', 'sent', 'trash'],
]
const MAX_FLAG_CHARACTERS = 1000

/** A value as one line. */
export function encodeLine(value: ManifestLine | VolumeHeader | VolumeEnd): string {
  return `${JSON.stringify(value)}\n`
}

/** All flags of a message in the form that is compared. */
export function flagsOf({ flags, keywords }: Pick<MessageLine, 'flags' | 'keywords'>): readonly string[] {
  return normalizeFlags([...flags, ...keywords])
}

/** Reads a header. Throws `corrupt` for another format, naming what is wrong. */
export function parseHeader(text: string): VolumeHeader {
  const value = object(text, 'the header of the volume')
  if (value['format'] !== FORMAT) {
    throw new SealpostError('corrupt', 'the header of the volume is of another format', {
      hint: 'a newer version of Sealpost may have written it',
    })
  }
  const { series, set, previous, parent, account, began, form } = value
  const isGood =
    [series, set].every((id) => typeof id === 'string' && /^[0-9a-f]{32}$/.test(id)) &&
    isCount(value['sequence']) &&
    isCount(value['volume']) &&
    (previous === null || isDigest(previous)) &&
    (parent === null || isParent(parent)) &&
    (account === null || isText(account)) &&
    isText(began) &&
    (form === 'eml' || form === 'mbox')
  if (!isGood) throw new SealpostError('corrupt', 'the header of the volume is damaged')
  return value as unknown as VolumeHeader
}

/** Reads what ends a volume. Throws `corrupt`. */
export function parseEnd(text: string): VolumeEnd {
  const value = object(text, 'the end of the volume')
  const counts = ['messages', 'messageBytes', 'changes'].every((name) => isWhole(value[name]))
  if (!counts || typeof value['last'] !== 'boolean') {
    throw new SealpostError('corrupt', 'the end of the volume is damaged')
  }
  return value as unknown as VolumeEnd
}

/** Reads one line of a manifest and holds it to its word: names, paths, dates, flags. Throws `corrupt`. */
export function parseLine(text: string): ManifestLine {
  const value = object(text, 'a line of the manifest')
  const { kind, account, mailbox } = value
  if (!isText(account)) throw lies('names no account')
  if (kind === 'flags') {
    if (!isCount(value['number']) || !isFlags(value['add']) || !isFlags(value['remove'])) {
      throw lies('has a change of flags that is none')
    }
    return value as unknown as FlagsLine
  }
  if (!isPath(mailbox)) throw lies('names a mailbox that cannot be')
  if (kind === 'mailbox') {
    const { specialUse, subscribed, path } = value
    const isUse = specialUse === null || (typeof specialUse === 'string' && SPECIAL_USES.includes(specialUse))
    if (!isUse || typeof subscribed !== 'boolean') throw lies('has a mailbox that is damaged')
    if (path !== mailboxFolder(account, mailbox)) throw lies('has a mailbox under another path than its own')
    return value as unknown as MailboxLine
  }
  if (kind !== 'message') throw lies('has a line of no known kind')
  const { number, uid, internalDate, size, sha256 } = value
  const isGood =
    isCount(number) &&
    (uid === null || isText(uid)) &&
    typeof internalDate === 'string' &&
    Number.isSafeInteger(Date.parse(internalDate)) &&
    isFlags(value['flags']) &&
    isFlags(value['keywords']) &&
    Array.isArray(value['labels']) &&
    isWhole(size) &&
    isDigest(sha256)
  if (!isGood) throw lies('has a message that is damaged')
  const { path, mbox } = value
  if (mbox !== undefined && !isPlace(mbox)) throw lies('has a message that is damaged')
  const isOwn =
    mbox === undefined
      ? path === messagePath(account, mailbox, number)
      : isMboxPath(path, account, mailbox, number)
  if (!isOwn) throw lies('has a message under another path than its own')
  return value as unknown as MessageLine
}

type Loose = Readonly<Record<string, unknown>>

function object(text: string, what: string): Loose {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Loose
  } catch {
    // Told below.
  }
  throw new SealpostError('corrupt', `${what} is no JSON object`)
}

function isPlace(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { bytes, lineEnds } = value as Loose
  return isCount(bytes) && (lineEnds === 'lf' || lineEnds === 'kept')
}

/** The file is named after the first message in it. */
function isMboxPath(path: unknown, account: string, mailbox: readonly string[], number: number): boolean {
  const first = typeof path === 'string' ? Number(/\/(\d{8,15})\.mbox$/.exec(path)?.[1] ?? Infinity) : Infinity
  return first <= number && path === mboxPath(account, mailbox, first)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 4096 && !/\p{Cc}/u.test(value)
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isCount(value: unknown): value is number {
  return isWhole(value) && value > 0
}

function isDigest(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

function isParent(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { set, sha256 } = value as Loose
  return typeof set === 'string' && isDigest(sha256)
}

function isPath(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || !value.every((level): level is string => typeof level === 'string')) return false
  return nameProblem(value, ARCHIVE_NAMING) === null
}

function isFlags(value: unknown): boolean {
  const isFlag = (flag: unknown): boolean =>
    typeof flag === 'string' && flag.length <= MAX_FLAG_CHARACTERS && !/\p{Cc}/u.test(flag)
  return Array.isArray(value) && value.every(isFlag)
}

function lies(how: string): SealpostError {
  return new SealpostError('corrupt', `the manifest ${how}`)
}
