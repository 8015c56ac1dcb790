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
  if (fitted === '') fitted = '_'
  if (fitted === '.' || fitted === '..') fitted = fitted.replaceAll('.', '\u2024')
  return shorten(fitted, naming.maxLevelBytes)
}

/** A whole path that an end with this naming can name: its last levels give way first. */
export function fitWhole(path: readonly string[], naming: MailboxNaming): readonly string[] {
  const { maxNameBytes = Infinity } = naming
  const bytesOf = (levels: readonly string[]): number => Buffer.byteLength(levels.join('/'))
  if (bytesOf(path) <= maxNameBytes) return path
  const most = Math.max(1, Math.floor(maxNameBytes / (SHORTEST_BYTES + 1)))
  const levels = path.length <= most ? [...path] : [...path.slice(0, most - 1), path.slice(most - 1).join(' - ')]
  for (let index = levels.length - 1; index >= 0 && bytesOf(levels) > maxNameBytes; index--) {
    const level = levels[index] ?? ''
    const bytes = Buffer.byteLength(level) - (bytesOf(levels) - maxNameBytes)
    levels[index] = shorten(level, Math.max(SHORTEST_BYTES, bytes))
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

function shorten(level: string, maxBytes: number): string {
  if (Buffer.byteLength(level) <= maxBytes) return level
  const mark = `~${createHash('sha256').update(level).digest('hex').slice(0, 8)}`
  let kept = ''
  let bytes = mark.length
  for (const character of level) {
    bytes += Buffer.byteLength(character)
    if (bytes > maxBytes) break
    kept += character
  }
  return kept + mark
}
