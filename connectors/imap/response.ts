/** A literal that was taken in, or only counted because it was above the limit. */
export type Literal = Buffer | { readonly skipped: number }

/** One untagged response, its text as latin1, literals apart; `{n}` marks where each stood. */
export interface Untagged {
  readonly keyword: string
  /** The number before the keyword, as in `* 5 EXISTS`; 0 without one. */
  readonly number: number
  /** What follows the keyword. */
  readonly text: string
  readonly literals: readonly Literal[]
}

/** How a command ended. */
export interface Reply {
  readonly status: 'OK' | 'NO' | 'BAD'
  /** The response code in upper case, such as `APPENDUID`; null without one. */
  readonly code: string | null
  /** What stands after the code inside its brackets. */
  readonly codeText: string
  readonly text: string
}

/** An atom is a string, a quoted string or a literal a Buffer, NIL null, a list an array. */
export type Token = string | Buffer | null | readonly Token[]

/** Reads the text of a tagged or untagged status response after its tag. Null when it is none. */
export function parseStatus(text: string): Reply | null {
  const match = /^(OK|NO|BAD)(?: |$)/i.exec(text)
  if (match === null) return null
  const status = (match[1] ?? '').toUpperCase() as Reply['status']
  const rest = text.slice(match[0].length).replace(/[\r\n]+$/, '')
  const coded = /^\[([^\s\]]+)(?: ((?:"(?:[^"\\]|\\.)*"|[^\]"])*))?\] ?(.*)$/s.exec(rest)
  if (coded === null) return { status, code: null, codeText: '', text: rest }
  return { status, code: (coded[1] ?? '').toUpperCase(), codeText: coded[2] ?? '', text: coded[3] ?? '' }
}

const MAX_DEPTH = 32

/**
 * Splits the text of a response into tokens, byte for byte (latin1), as RFC 9051 section 4 has them.
 * Throws a plain Error for what is none; skipped literals read as NIL.
 */
export function parseTokens(text: string, literals: readonly Literal[] = []): readonly Token[] {
  let at = 0
  let literal = 0
  const list = (depth: number): Token[] => {
    if (depth > MAX_DEPTH) throw new Error('nested too deeply')
    const items: Token[] = []
    for (;;) {
      const code = text.charCodeAt(at)
      if (Number.isNaN(code)) {
        if (depth > 0) throw new Error('a list without an end')
        return items
      }
      if (code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a) at++
      else if (code === 0x28) {
        at++
        items.push(list(depth + 1))
      } else if (code === 0x29) {
        if (depth === 0) throw new Error('an end without a list')
        at++
        return items
      } else if (code === 0x22) items.push(quoted())
      else items.push(atomOrLiteral())
    }
  }
  const quoted = (): Buffer => {
    let value = ''
    for (at++; at < text.length; at++) {
      const character = text[at]
      if (character === '"') {
        at++
        return Buffer.from(value, 'latin1')
      }
      value += character === '\\' ? (text[++at] ?? '') : (character ?? '')
    }
    throw new Error('a string without an end')
  }
  const atomOrLiteral = (): Token => {
    const marker = /^~?\{\d+\}\r?\n/.exec(text.slice(at, at + 32))
    if (marker !== null) {
      at += marker[0].length
      const value = literals[literal++]
      return Buffer.isBuffer(value) ? value : null
    }
    // Not `\s`: it takes the byte 0xa0 of a name in raw UTF-8 for a blank.
    const atom = /[^ \t\r\n()"]+/y
    atom.lastIndex = at
    const match = atom.exec(text)
    if (match === null) throw new Error('no token')
    at = atom.lastIndex
    return match[0].toUpperCase() === 'NIL' ? null : match[0]
  }
  return list(0)
}

/** The members of a list; none of what is no list. */
export function listOf(token: Token | undefined): readonly Token[] {
  return Array.isArray(token) ? (token as readonly Token[]) : []
}

/** The bytes of a string or an atom as latin1 text; null for NIL and lists. */
export function textOf(token: Token | undefined): string | null {
  if (typeof token === 'string') return token
  return Buffer.isBuffer(token) ? token.toString('latin1') : null
}
