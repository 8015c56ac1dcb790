import { createHash } from 'node:crypto'

/** Folder of what is not mail; `%` cannot stand in the name of an account's folder but before two digits. */
export const OWN_FOLDER = 'sealpost'

/** What file systems of desktops do not take in a name, and our own escape. */
const UNFIT = /[%<>:"/\\|?*]/g
/** Names that Windows keeps for devices. */
const DEVICES = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/i
const MAX_SEGMENT_BYTES = 120
const NUMBER_DIGITS = 8

/**
 * Where a message lies within the archive: its account, its mailbox level by level, and its number. Readable, and good on
 * every file system; the manifest has the true names. Numbers are never given twice to an account, so that no two
 * messages meet, also where `Trash` and `trash` are one folder.
 */
export function messagePath(account: string, mailbox: readonly string[], number: number): string {
  return `${mailboxFolder(account, mailbox)}/${String(number).padStart(NUMBER_DIGITS, '0')}.eml`
}

/** Where messages of a mailbox lie as one mbox file, which is named after the first of them. */
export function mboxPath(account: string, mailbox: readonly string[], first: number): string {
  return `${mailboxFolder(account, mailbox)}/${String(first).padStart(NUMBER_DIGITS, '0')}.mbox`
}

/** Where the messages of a mailbox lie. */
export function mailboxFolder(account: string, mailbox: readonly string[]): string {
  return [accountFolder(account), ...mailbox.map((level) => fitSegment(level))].join('/')
}

/**
 * The account in the name of a volume. The client pastes that name into commands of several shells, whose quotes are not the
 * same: nothing is left in it that any of them would take for more than a letter, and no option.
 */
export function volumeAccount(account: string): string {
  return fitSegment(account, /[^\p{L}\p{M}\p{N}._@+~-]|^[-@~]/gu)
}

/** What the names of a series' volumes begin with (docs/formats.md); `account` is null for one of a whole project. */
export function seriesName(account: string | null, series: string): string {
  return `${account === null ? 'project' : volumeAccount(account)}.${series.slice(0, 6)}`
}

/** The file name of a volume. */
export function volumeName(name: string, sequence: number, volume: number): string {
  const three = (number: number): string => String(number).padStart(3, '0')
  return `${name}.b${three(sequence)}.v${three(volume)}.age`
}

/** Where something of a volume lies that is not mail. */
export function ownPath(set: string, volume: number, name: string): string {
  return `${OWN_FOLDER}/${set.slice(0, 12)}-${volume}/${name}`
}

function accountFolder(account: string): string {
  const fitted = fitSegment(account)
  return fitted.toLowerCase() === OWN_FOLDER ? `%${hexOf(fitted.charAt(0))}${fitted.slice(1)}` : fitted
}

function fitSegment(name: string, unfit = UNFIT): string {
  let fitted = name
    .replace(unfit, (character) => `%${hexOf(character)}`)
    .replace(
      /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
      (character) => `%u${(character.codePointAt(0) ?? 0).toString(16)}`,
    )
    .replace(/^ | $|^\.|\.$/g, (character) => `%${hexOf(character)}`)
  if (DEVICES.test(fitted)) fitted = `%${hexOf(fitted.charAt(0))}${fitted.slice(1)}`
  if (Buffer.byteLength(fitted) <= MAX_SEGMENT_BYTES) return fitted
  const mark = `~${createHash('sha256').update(name).digest('hex').slice(0, 12)}`
  let kept = ''
  for (const character of fitted) {
    if (Buffer.byteLength(kept + character) + mark.length > MAX_SEGMENT_BYTES) break
    kept += character
  }
  return kept + mark
}

function hexOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(2, '0')
}
