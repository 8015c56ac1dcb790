import { stringPart, type Part } from './command-writer.ts'

/**
 * Encodes one level in modified UTF-7 (RFC 3501 section 5.1.3). The text must be well-formed Unicode.
 */
export function encodeUtf7(text: string): string {
  return text.replace(/&|[^\x20-\x7e]+/g, (run) => {
    if (run === '&') return '&-'
    const bytes = Buffer.from(run, 'utf16le').swap16()
    return `&${bytes.toString('base64').replace(/=+$/, '').replace(/\//g, ',')}-`
  })
}

/**
 * Decodes modified UTF-7, or returns null for what is none: bytes above 0x7e, a run without an end, lone surrogates,
 * and every form that encoding would not give (over-long, split in two), so that no two names decode to one.
 */
export function decodeUtf7(raw: string): string | null {
  if (!/^[\x20-\x7e]*$/.test(raw)) return null
  const state = { valid: true }
  const text = raw.replace(/&([^-]*)(-?)/g, (_run, base64: string, end: string) => {
    if (end === '') state.valid = false
    if (base64 === '') return '&'
    if (!/^[A-Za-z0-9+,]+$/.test(base64)) state.valid = false
    const bytes = Buffer.from(base64.replace(/,/g, '/'), 'base64')
    if (bytes.length === 0 || bytes.length % 2 === 1) state.valid = false
    return state.valid ? Buffer.from(bytes).swap16().toString('utf16le') : ''
  })
  return state.valid && text.isWellFormed() && encodeUtf7(text) === raw ? text : null
}

/**
 * A name as an argument of a command. Names on the wire are kept as latin1 text, one character a byte; what a quoted
 * string cannot carry goes as a literal.
 */
export function nameParts(name: string): readonly Part[] {
  return [stringPart(name)]
}

/** What the personal namespace says about names (RFC 2342). */
export interface Namespace {
  readonly prefix: string
  readonly delimiter: string | null
  /** Names are UTF-8 (RFC 6855), not modified UTF-7. */
  readonly utf8: boolean
  /** Prefixes of other users' and shared namespaces. */
  readonly foreign: readonly string[]
}

/** True for a name in another namespace than the personal one, and for the root of one. */
export function isForeign(name: string, namespace: Namespace): boolean {
  const { prefix, delimiter, foreign } = namespace
  if (name === 'INBOX') return false
  return foreign.some((other) => {
    if (other === '') return prefix !== '' && !name.startsWith(prefix)
    return name.startsWith(other) || (delimiter !== null && `${name}${delimiter}` === other)
  })
}

/** True when all mailboxes live below the inbox. */
export function isBelowInbox(namespace: Namespace): boolean {
  const { prefix, delimiter } = namespace
  return delimiter !== null && prefix.toUpperCase() === `INBOX${delimiter}`
}

/** The path of a wire name; a name that cannot be decoded is its own only level, as readable as can be. */
export function pathOf(name: string, delimiter: string | null, namespace: Namespace): readonly string[] {
  if (name.toUpperCase() === 'INBOX') return ['INBOX']
  const { prefix } = namespace
  const inPrefix = isBelowInbox(namespace)
    ? name.slice(0, prefix.length).toUpperCase() === prefix.toUpperCase()
    : name.startsWith(prefix)
  const bare = inPrefix && name.length > prefix.length ? name.slice(prefix.length) : name
  const levels = delimiter === null ? [bare] : bare.split(delimiter)
  const path: string[] = []
  for (const level of levels) {
    const decoded = namespace.utf8 ? decodeUtf8(level) : decodeUtf7(level)
    if (decoded === null || decoded === '' || /\p{Cc}/u.test(decoded)) return [readable(name)]
    path.push(decoded)
  }
  if (path.length > 1 && path[0]?.toUpperCase() === 'INBOX') path[0] = 'INBOX'
  return path
}

/** The wire name of a path: the prefix of the personal namespace added, except to the inbox and what lies below it. */
export function wireNameOf(path: readonly string[], namespace: Namespace): string {
  const [first, ...rest] = path
  const underInbox = first?.toUpperCase() === 'INBOX'
  const levels = (underInbox ? ['INBOX', ...rest] : path).map((level) =>
    namespace.utf8 ? Buffer.from(level, 'utf8').toString('latin1') : encodeUtf7(level),
  )
  const name = levels.join(namespace.delimiter ?? '')
  return underInbox ? name : namespace.prefix + name
}

function readable(name: string): string {
  return (decodeUtf8(name) ?? name).replace(/\p{Cc}/gu, '\ufffd')
}

function decodeUtf8(level: string): string | null {
  const bytes = Buffer.from(level, 'latin1')
  const text = bytes.toString('utf8')
  return Buffer.from(text, 'utf8').equals(bytes) ? text : null
}
