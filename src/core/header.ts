import { headerDate } from './header-date.ts'

/** Bytes of a message's start that are looked at for its header; the rest of a longer header is passed over. */
export const HEADER_PEEK_BYTES = 65_536

const LF = 0x0a
const MAX_MESSAGE_ID_CHARACTERS = 998

/**
 * The Message-ID of a header, without its angle brackets and folding, or null. Reads at most `HEADER_PEEK_BYTES`,
 * takes the first such field (RFC 5322 section 3.6.4), never recurses and never throws.
 */
export function messageIdOf(message: Uint8Array): string | null {
  const field = fieldOf(message, 'message-id')
  return field === null ? null : valueOf(field)
}

/** The instant of the first `Date` field of a header in milliseconds since 1970, or null where it names none. As `messageIdOf`. */
export function dateOf(message: Uint8Array): number | null {
  const field = fieldOf(message, 'date')
  return field === null ? null : headerDate(field.replace(/[\r\n\t]+/g, ' '))
}

/** What stands behind the name of the first field of this name. */
function fieldOf(message: Uint8Array, name: string): string | null {
  const head = Buffer.from(message.buffer, message.byteOffset, Math.min(message.length, HEADER_PEEK_BYTES))
  let start = 0
  while (start < head.length) {
    let end = head.indexOf(LF, start)
    if (end === -1) end = head.length
    const first = head[start]
    if (end - start <= 1 && (first === LF || first === 0x0d || end === start)) return null
    if (isField(head, start, name)) return head.toString('latin1', start + name.length + 1, endOfField(head, end))
    start = end + 1
  }
  return null
}

function isField(head: Buffer, start: number, name: string): boolean {
  if (((head[start] ?? 0) | 0x20) !== name.charCodeAt(0)) return false
  const text = head.toString('latin1', start, start + name.length + 5).toLowerCase()
  return text.startsWith(name) && /^[ \t]*:/.test(text.slice(name.length))
}

/** Where the field ends that has a line end at `end`: folded lines begin with a blank or a tab. */
function endOfField(head: Buffer, end: number): number {
  let stop = end
  while (head[stop + 1] === 0x20 || head[stop + 1] === 0x09) {
    const next = head.indexOf(LF, stop + 1)
    if (next === -1) return head.length
    stop = next
  }
  return stop
}

function valueOf(raw: string): string | null {
  const text = raw
    .replace(/^[ \t]*:?/, '')
    .replace(/[\r\n]+[ \t]*/g, ' ')
    .trim()
  const bracketed = /<([^<>]+)>/.exec(text)
  const value = (bracketed?.[1] ?? text).replace(/\s+/g, '').slice(0, MAX_MESSAGE_ID_CHARACTERS)
  return value === '' ? null : value
}
