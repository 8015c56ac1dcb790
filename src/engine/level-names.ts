import { createHash } from 'node:crypto'
import type { MailboxNaming } from '../core/mail.ts'

/**
 * What stands in for a character that the other end cannot hold in a name. Each is seen as nearly the same and is
 * hardly ever typed, so that the way back restores the original.
 */
const STAND_INS: ReadonlyMap<string, string> = new Map([
  ['.', '\u2024'],
  ['/', '\u2215'],
  ['\\', '\u29f5'],
  ['%', '\uff05'],
  ['*', '\u2217'],
  ['"', '\u02ba'],
  ['^', '\u02c6'],
  ['~', '\u223c'],
  ['#', '\uff03'],
  ['&', '\uff06'],
  ['|', '\u2223'],
  [':', '\u2236'],
  ['<', '\u2039'],
  ['>', '\u203a'],
  ['?', '\uff1f'],
  ['{', '\u2774'],
  ['}', '\u2775'],
  [';', '\u204f'],
  ['`', '\u02cb'],
])
const ORIGINALS: ReadonlyMap<string, string> = new Map(
  [...STAND_INS].map(([original, other]) => [other, original]),
)

/** No level is made shorter: a little of it is to be read beside its mark. */
const SHORTEST_BYTES = 16

/** What a level becomes at an end with this naming. Deterministic; equal to its argument where nothing stands against it. */
export function fitLevel(level: string, naming: MailboxNaming): string {
  let fitted = ''
  for (const character of level) fitted += fitCharacter(character, naming)
  if (naming.blanksAtEnds === false) fitted = fitted.trim()
  if (fitted === '') fitted = '_'
  if (fitted === '.' || fitted === '..') fitted = fitted.replaceAll('.', '\u2024')
  fitted = shorten(fitted, naming.maxLevelBytes, utf8Bytes)
  return naming.maxEncoded === undefined ? fitted : shorten(fitted, naming.maxEncoded.level, utf7Bytes)
}

/** A whole path that an end with this naming can name: its last levels give way first. */
export function fitWhole(path: readonly string[], naming: MailboxNaming): readonly string[] {
  const fitted = shortenWhole(path, naming.maxNameBytes ?? Infinity, utf8Bytes)
  return shortenWhole(fitted, naming.maxEncoded?.name ?? Infinity, utf7Bytes)
}

function shortenWhole(path: readonly string[], maxBytes: number, bytesOfText: Measure): readonly string[] {
  const bytesOf = (levels: readonly string[]): number =>
    levels.reduce((sum, level) => sum + bytesOfText(level) + 1, -1)
  if (bytesOf(path) <= maxBytes) return path
  const most = Math.max(1, Math.floor(maxBytes / (SHORTEST_BYTES + 1)))
  const levels = path.length <= most ? [...path] : [...path.slice(0, most - 1), path.slice(most - 1).join(' - ')]
  for (let index = levels.length - 1; index >= 0 && bytesOf(levels) > maxBytes; index--) {
    const level = levels[index] ?? ''
    const bytes = bytesOfText(level) - (bytesOf(levels) - maxBytes)
    levels[index] = shorten(level, Math.max(SHORTEST_BYTES, bytes), bytesOfText)
  }
  return levels
}

/** The key under which two paths are one mailbox at an end with this naming. */
export function collisionKey(path: readonly string[], naming: MailboxNaming): string {
  const folded = path.map((level, i) => {
    const composed = level.normalize('NFC')
    const isInbox = i === 0 && composed.toLowerCase() === 'inbox'
    return isInbox || !naming.caseSensitive ? composed.toLowerCase() : composed
  })
  return folded.join('\u0000')
}

function fitCharacter(character: string, naming: MailboxNaming): string {
  const isAllowed = (candidate: string): boolean =>
    candidate !== naming.delimiter && !naming.forbidden.includes(candidate)
  const original = ORIGINALS.get(character)
  if (original !== undefined && isAllowed(original)) return original
  if (/[\p{Cc}\u2028\u2029]/u.test(character)) return '_'
  if (isAllowed(character)) return character
  const standIn = STAND_INS.get(character)
  return standIn !== undefined && isAllowed(standIn) ? standIn : '_'
}

/** How long a name is to whoever stores it. */
type Measure = (text: string) => number

function utf8Bytes(text: string): number {
  return Buffer.byteLength(text)
}

/** RFC 3501 section 5.1.3: what is no printable ASCII goes as runs of base64 over UTF-16, and an ampersand as two characters. */
function utf7Bytes(text: string): number {
  const runs = text.match(/[^\x20-\x7e]+/g) ?? []
  const plain = text.length - runs.reduce((sum, run) => sum + run.length, 0)
  const encoded = runs.reduce((sum, run) => sum + 2 + Math.ceil((run.length * 16) / 6), 0)
  return plain + encoded + (text.match(/&/g)?.length ?? 0)
}

function shorten(level: string, maxBytes: number, bytesOf: Measure): string {
  if (bytesOf(level) <= maxBytes) return level
  const mark = `~${createHash('sha256').update(level).digest('hex').slice(0, 8)}`
  let kept = ''
  for (const character of level) {
    if (bytesOf(kept + character + mark) > maxBytes) break
    kept += character
  }
  return kept + mark
}
