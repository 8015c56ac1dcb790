import { normalizeFlags } from '../../src/core/mail.ts'

/** Letters of `Status` and `X-Status` (mbox(5), and what UW IMAP and Dovecot added). */
const LETTERS: ReadonlyMap<string, string> = new Map([
  ['R', '\\Seen'],
  ['A', '\\Answered'],
  ['F', '\\Flagged'],
  ['T', '\\Draft'],
  ['D', '\\Deleted'],
])

/** Bits of `X-Mozilla-Status` (nsMsgMessageFlags of Thunderbird). */
const MOZILLA: readonly (readonly [bit: number, flag: string])[] = [
  [0x0001, '\\Seen'],
  [0x0002, '\\Answered'],
  [0x0004, '\\Flagged'],
  [0x1000, '$Forwarded'],
]
const MOZILLA_REMOVED = 0x0008

/** The same, of the upper half, which stands in `X-Mozilla-Status2`. */
const MOZILLA_2: readonly (readonly [bit: number, flag: string])[] = [
  [0x0020_0000, '\\Deleted'],
  [0x0080_0000, '$MDNSent'],
]

/** What RFC 3501 takes for a keyword: the characters of an atom. */
const KEYWORD = /^[!#$&'+,\-./0-9:;<=>?@A-Z[^_`a-z|}~]+$/

/** What the fields of a message say of it. */
export interface Status {
  readonly flags: readonly string[]
  /** Thunderbird shows the message no more and takes it out of the file when it compacts the folder. */
  readonly isRemoved: boolean
}

/**
 * Reads the status fields that mail programs keep in an mbox file. Thunderbird's decide where there are any: it leaves
 * those of others as they came. Never throws; what is no status says nothing.
 */
export function readStatus(fields: ReadonlyMap<string, string>): Status {
  const mozilla = fields.get('x-mozilla-status')
  const flags = mozilla === undefined ? lettersOf(fields) : bitsOf(mozilla, MOZILLA)
  flags.push(...bitsOf(fields.get('x-mozilla-status2') ?? '', MOZILLA_2))
  for (const name of ['x-keywords', 'x-mozilla-keys']) flags.push(...keywordsOf(fields.get(name) ?? ''))
  return { flags: normalizeFlags(flags), isRemoved: (numberOf(mozilla ?? '') & MOZILLA_REMOVED) !== 0 }
}

/** The words of a text that can be keywords. */
export function keywordsOf(text: string): readonly string[] {
  return text.split(/[ \t]+/).filter((word) => KEYWORD.test(word))
}

function lettersOf(fields: ReadonlyMap<string, string>): string[] {
  const status = (fields.get('status') ?? '').replace(/[^R]/g, '')
  const letters = status + (fields.get('x-status') ?? '')
  return Array.from(letters, (letter) => LETTERS.get(letter)).filter((flag) => flag !== undefined)
}

function bitsOf(hex: string, bits: readonly (readonly [bit: number, flag: string])[]): string[] {
  const value = numberOf(hex)
  return bits.filter(([bit]) => (value & bit) !== 0).map(([, flag]) => flag)
}

function numberOf(hex: string): number {
  const text = hex.trim()
  return /^[0-9a-f]{1,8}$/i.test(text) ? parseInt(text, 16) : 0
}
