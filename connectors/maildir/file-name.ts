import { normalizeFlags } from '../../src/core/mail.ts'

/** A message file's name (`base:2,FS`), in its two parts. Names are latin1 text, one character a byte. */
export interface FileName {
  /** Up to the colon: what stays when flags change, and the key of the message. */
  readonly base: string
  /** From the colon on, or empty. */
  readonly info: string
}

/** Letters of the info part and the flags that they stand for. `P`, passed on, is the keyword of RFC 5788. */
const LETTERS: readonly (readonly [letter: string, flag: string])[] = [
  ['D', '\\Draft'],
  ['F', '\\Flagged'],
  ['P', '$Forwarded'],
  ['R', '\\Answered'],
  ['S', '\\Seen'],
  ['T', '\\Deleted'],
]

/** Splits a name; null for what is no message: hidden files, and a name that begins with its info. */
export function splitName(name: string): FileName | null {
  if (name.startsWith('.')) return null
  const colon = name.indexOf(':')
  if (colon === 0) return null
  return colon === -1 ? { base: name, info: '' } : { base: name.slice(0, colon), info: name.slice(colon) }
}

/** True when a key can be the base of a file name of ours to look for. */
export function isBase(key: string): boolean {
  return key !== '' && !key.startsWith('.') && !/[/:\0]/.test(key) && !/[^\0-\xff]/.test(key)
}

/** The flags of an info part; `keywords` are the names of the letters `a` to `z`. Unknown letters are passed over. */
export function flagsOfInfo(info: string, keywords: readonly (string | undefined)[]): readonly string[] {
  const flags: string[] = []
  for (const letter of lettersOf(info)) {
    const flag =
      letter >= 'a' && letter <= 'z'
        ? keywords[letter.charCodeAt(0) - 97]
        : LETTERS.find(([known]) => known === letter)?.[1]
    if (flag !== undefined) flags.push(flag)
  }
  return normalizeFlags(flags)
}

/**
 * The info part for exactly these flags. Capital letters of `before` that we do not know stay. A keyword that has no
 * letter is left out; `$Forwarded` sets `P` too, which every Maildir reader knows.
 */
export function infoOfFlags(
  flags: Iterable<string>,
  keywords: readonly (string | undefined)[],
  before: string,
): string {
  const letters = new Set(lettersOf(before).filter((letter) => isForeign(letter)))
  for (const flag of flags) {
    const folded = flag.toLowerCase()
    const known = LETTERS.find(([, name]) => name.toLowerCase() === folded)
    if (known !== undefined) letters.add(known[0])
    const index = keywords.findIndex((keyword) => keyword?.toLowerCase() === folded)
    if (index !== -1) letters.add(String.fromCharCode(97 + index))
  }
  return `:2,${[...letters].sort().join('')}`
}

/** True for a flag that has a capital letter of its own, in every folder. */
export function hasLetter(flag: string): boolean {
  return LETTERS.some(([, known]) => known.toLowerCase() === flag.toLowerCase())
}

function lettersOf(info: string): readonly string[] {
  return info.startsWith(':2,') ? info.slice(3).split('') : []
}

function isForeign(letter: string): boolean {
  return letter >= 'A' && letter <= 'Z' && !LETTERS.some(([known]) => known === letter)
}
