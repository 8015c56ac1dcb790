import { normalizeFlags, type SpecialUse } from '../../src/core/mail.ts'
import { systemLabelOf, type SystemLabel } from './label-names.ts'
import { keywordsOf } from './status-flags.ts'

/** Where a message of a Google Takeout belongs, and its flags. */
export interface Placement {
  readonly path: readonly string[]
  readonly flags: readonly string[]
}

/** The mailboxes of a Takeout that are Gmail's own, by name. */
export const SYSTEM_MAILBOXES: ReadonlyMap<string, SpecialUse> = new Map([
  ['INBOX', 'inbox'],
  ['Sent', 'sent'],
  ['Drafts', 'drafts'],
  ['Spam', 'junk'],
  ['Trash', 'trash'],
  ['Archive', 'archive'],
])

/** Keywords that the user's programs set by IMAP stand among the labels with this before them. */
const KEYWORD_PREFIX = /^IMAP_/

/**
 * Reads an `X-Gmail-Labels` field. The one mailbox is that in which a person would look, in this order: trash, spam,
 * drafts, the first label that the user made (deeper ones by `/`), sent, inbox, archive. Stars, importance and the like
 * become flags. Never throws.
 */
export function placeOf(field: string): Placement {
  const system = new Set<SystemLabel>()
  const flags: string[] = []
  let own: readonly string[] | null = null
  for (const label of splitLabels(decodeWords(field))) {
    const meaning = systemLabelOf(label)
    if (meaning === 'category') continue
    if (meaning !== null) system.add(meaning)
    else if (KEYWORD_PREFIX.test(label)) flags.push(...keywordsOf(label.replace(KEYWORD_PREFIX, '')))
    else own ??= label.split('/').filter((level) => level !== '')
  }
  if (!system.has('unread')) flags.push('\\Seen')
  if (system.has('starred')) flags.push('\\Flagged')
  if (system.has('important')) flags.push('$Important')
  if (system.has('drafts')) flags.push('\\Draft')
  return { path: pathOf(system, own?.length === 0 ? null : own), flags: normalizeFlags(flags) }
}

function pathOf(system: ReadonlySet<SystemLabel>, own: readonly string[] | null): readonly string[] {
  if (system.has('trash')) return ['Trash']
  if (system.has('junk')) return ['Spam']
  if (system.has('drafts')) return ['Drafts']
  if (own !== null) return own
  if (system.has('sent')) return ['Sent']
  return system.has('inbox') ? ['INBOX'] : ['Archive']
}

/** Labels are parted by commas; one that holds a comma stands in quotes. */
function splitLabels(text: string): readonly string[] {
  const labels = text.match(/"(?:[^"\\]|\\.)*"|[^,"]+/g) ?? []
  return labels
    .map((label) => (label.startsWith('"') ? label.slice(1, -1).replace(/\\(.)/g, '$1') : label).trim())
    .filter((label) => label !== '')
}

/**
 * Encoded words (RFC 2047) as text; what is none is read as UTF-8. Blanks between two of them are none, and a character
 * may be cut between two of them, as some writers do.
 */
function decodeWords(field: string): string {
  const joined = field.replace(/(\?=)[ \t\r\n]+(?==\?)/g, '$1')
  const parts: Buffer[] = []
  let at = 0
  for (const word of joined.matchAll(/=\?([^?\s]+)\?([QB])\?([^?]*)\?=/gi)) {
    const [whole, charset = '', encoding = '', text = ''] = word
    parts.push(Buffer.from(joined.slice(at, word.index), 'latin1'), asUtf8(charset, bytesOf(encoding, text)))
    at = word.index + whole.length
  }
  return Buffer.concat([...parts, Buffer.from(joined.slice(at), 'latin1')]).toString('utf8')
}

function bytesOf(encoding: string, text: string): Buffer {
  if (encoding.toUpperCase() === 'B') return Buffer.from(text, 'base64')
  const plain = text
    .replace(/_/g, ' ')
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  return Buffer.from(plain, 'latin1')
}

function asUtf8(charset: string, bytes: Buffer): Buffer {
  const name = charset.replace(/\*.*$/, '').toLowerCase()
  if (name === 'utf-8' || name === 'us-ascii') return bytes
  try {
    return Buffer.from(new TextDecoder(name).decode(bytes), 'utf8')
  } catch {
    return bytes
  }
}
