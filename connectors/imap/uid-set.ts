import { SealpostError } from '../../src/core/errors.ts'

/** UIDs and message numbers are 32 bits, never zero (RFC 9051 section 9, nz-number). */
const MAX_UID = 0xffff_ffff

/** A set as it stands in a command, and the UIDs that it names. */
export interface UidSet {
  readonly text: string
  readonly uids: readonly number[]
}

/** The UID that a key stands for. Throws `bug` for a key that this connector cannot have given out. */
export function uidOf(key: string): number {
  const uid = /^[1-9]\d{0,9}$/.test(key) ? Number(key) : 0
  if (uid === 0 || uid > MAX_UID) throw new SealpostError('bug', 'imap: a key that is no UID')
  return uid
}

/** Sorted, without doubles. */
export function uidsOf(keys: Iterable<string>): number[] {
  return [...new Set([...keys].map(uidOf))].sort((a, b) => a - b)
}

/**
 * Cuts sorted UIDs into sequence sets of bounded length, runs written as ranges. A range names only UIDs of the list,
 * so what it fetches is what was asked for.
 */
export function uidSets(uids: readonly number[], maxMessages: number, maxCharacters = 7000): UidSet[] {
  const sets: UidSet[] = []
  let ranges: string[] = []
  let characters = 0
  let from = 0
  let index = 0
  while (index < uids.length) {
    const first = uids[index] ?? 0
    let last = first
    let next = index + 1
    while (next - from < maxMessages && next < uids.length && uids[next] === last + 1) last = uids[next++] ?? last
    const range = first === last ? String(first) : `${first}:${last}`
    ranges.push(range)
    characters += range.length + 1
    index = next
    if (index - from >= maxMessages || characters >= maxCharacters || index === uids.length) {
      sets.push({ text: ranges.join(','), uids: uids.slice(from, index) })
      ranges = []
      characters = 0
      from = index
    }
  }
  return sets
}

/** Ranges of a set as a server writes it, each low end first; null when it is no set of UIDs. */
export function parseUidRanges(text: string): readonly (readonly [number, number])[] | null {
  const ranges: (readonly [number, number])[] = []
  for (const part of text.split(',')) {
    const match = /^([1-9]\d{0,9})(?::([1-9]\d{0,9}))?$/.exec(part)
    if (match === null) return null
    const one = Number(match[1])
    const other = match[2] === undefined ? one : Number(match[2])
    if (one > MAX_UID || other > MAX_UID) return null
    ranges.push(one <= other ? [one, other] : [other, one])
  }
  return ranges
}

/** The UIDs of a set in its order (ranges ascending), or null when it is none or names more than `limit`. */
export function expandUids(text: string, limit: number): number[] | null {
  const ranges = parseUidRanges(text)
  if (ranges === null) return null
  let count = 0
  for (const [low, high] of ranges) count += high - low + 1
  if (count > limit) return null
  const uids: number[] = []
  for (const [low, high] of ranges) for (let uid = low; uid <= high; uid++) uids.push(uid)
  return uids
}
