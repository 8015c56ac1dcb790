import { normalizeFlags } from '../../src/core/mail.ts'
import { parseInternalDate } from './internal-date.ts'
import type { Literal } from './response.ts'

/** What one FETCH response said; a field that it did not hold is undefined. */
export interface FetchRow {
  uid: number | undefined
  flags: readonly string[] | undefined
  internalDate: number | undefined
  bytes: number | undefined
  /** `X-GM-MSGID` (Gmail): the same in every label's mailbox. */
  identity?: string
  /** `BODY[]` or `BINARY[]`, whole or a range; null for NIL. */
  body: Literal | null | undefined
  /** `BODY[HEADER.FIELDS …]`. */
  header: Literal | null | undefined
}

const QUOTED = /"(?:[^"\\]|\\.)*"/y
const LITERAL = /~?\{\d+\}\r?\n/y
/** Not `\s`: it takes the byte 0xa0 for a blank. */
const WORD = /[^ \t\r\n()"[\]<]+/y
const SECTION = /\[(?:"(?:[^"\\]|\\.)*"|[^\]"])*\](?:<\d+>)?/y
const EMPTY = Buffer.alloc(0)

/** Flags repeat from message to message: the same list is read once. */
const flagCache = new Map<string, readonly string[]>()

/**
 * Reads the data items of a FETCH response (RFC 9051 section 7.5.2) from its text after the keyword; `literals` stand
 * where `{n}` marks them. Throws a plain Error for what is none.
 */
export function parseFetchRow(text: string, literals: readonly Literal[]): FetchRow {
  const row: FetchRow = {
    uid: undefined,
    flags: undefined,
    internalDate: undefined,
    bytes: undefined,
    body: undefined,
    header: undefined,
  }
  const reader = { text, at: 0, literals, used: 0 }
  expect(reader, '(')
  for (;;) {
    skipBlanks(reader)
    if (reader.text[reader.at] === ')') return row
    const name = (match(reader, WORD) ?? fail()).toUpperCase()
    const section = reader.text[reader.at] === '[' ? (match(reader, SECTION) ?? fail()) : null
    skipBlanks(reader)
    readItem(reader, name, section, row)
  }
}

interface Reader {
  readonly text: string
  at: number
  readonly literals: readonly Literal[]
  used: number
}

function readItem(reader: Reader, name: string, section: string | null, row: FetchRow): void {
  if (section !== null) {
    const value = readString(reader)
    if (section.startsWith('[]')) row.body = value
    else if (/^\[HEADER\.FIELDS/i.test(section)) row.header = value
    return
  }
  if (name === 'UID') row.uid = readNumber(reader)
  else if (name === 'RFC822.SIZE') row.bytes = readNumber(reader)
  else if (name === 'FLAGS') row.flags = readFlags(reader)
  else if (name === 'X-GM-MSGID') row.identity = match(reader, WORD) ?? fail()
  else if (name === 'INTERNALDATE') row.internalDate = readDate(reader)
  else skipValue(reader)
}

function readNumber(reader: Reader): number {
  const word = match(reader, WORD) ?? fail()
  return /^\d{1,15}$/.test(word) ? Number(word) : fail()
}

/** A date that is none must not make a whole mailbox unreadable: it reads as 1970. */
function readDate(reader: Reader): number {
  const quoted = match(reader, QUOTED)
  if (quoted !== null) return parseInternalDate(quoted.slice(1, -1)) ?? 0
  skipValue(reader)
  return 0
}

function readFlags(reader: Reader): readonly string[] {
  expect(reader, '(')
  const end = reader.text.indexOf(')', reader.at)
  if (end === -1) fail()
  const raw = reader.text.slice(reader.at, end)
  reader.at = end + 1
  let flags = flagCache.get(raw)
  if (flags === undefined) {
    flags = normalizeFlags(raw.split(' '))
    if (flagCache.size >= 2000) flagCache.clear()
    flagCache.set(raw, flags)
  }
  return flags
}

function readString(reader: Reader): Literal | null {
  if (match(reader, LITERAL) !== null) return reader.literals[reader.used++] ?? fail()
  const quoted = match(reader, QUOTED)
  if (quoted !== null) {
    return quoted.length === 2 ? EMPTY : Buffer.from(quoted.slice(1, -1).replace(/\\(.)/gs, '$1'), 'latin1')
  }
  const word = match(reader, WORD)
  return word?.toUpperCase() === 'NIL' ? null : fail()
}

function skipValue(reader: Reader): void {
  let depth = 0
  do {
    skipBlanks(reader)
    const character = reader.text[reader.at]
    if (character === '(') {
      depth++
      reader.at++
    } else if (character === ')') {
      depth--
      reader.at++
    } else if (match(reader, LITERAL) !== null) reader.used++
    else if (match(reader, QUOTED) === null && match(reader, WORD) === null && match(reader, SECTION) === null)
      fail()
  } while (depth > 0)
}

function skipBlanks(reader: Reader): void {
  while (reader.text[reader.at] === ' ' || reader.text[reader.at] === '\t') reader.at++
}

function expect(reader: Reader, character: string): void {
  skipBlanks(reader)
  if (reader.text[reader.at] !== character) fail()
  reader.at++
}

function match(reader: Reader, pattern: RegExp): string | null {
  pattern.lastIndex = reader.at
  const found = pattern.exec(reader.text)
  if (found === null) return null
  reader.at = pattern.lastIndex
  return found[0]
}

function fail(): never {
  throw new Error('a FETCH response that cannot be read')
}
