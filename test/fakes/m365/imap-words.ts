import type { FakeFolder, FakeItem } from './mailbox.ts'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** A name as it stands in a command: quoted, an atom, or a literal. On the wire, in modified UTF-7. */
export function nameOf(text: string, literals: readonly Buffer[]): string {
  const literal = /^\{#(\d+)\}$/.exec(text.trim())?.[1]
  if (literal !== undefined) return literals[Number(literal)]?.toString('latin1') ?? ''
  const quoted = /^"((?:\\.|[^"\\])*)"/s.exec(text)?.[1]
  return quoted === undefined ? text.trim() : quoted.replace(/\\(.)/gs, '$1')
}

/** The name of a folder on the wire. */
export function pathOf(folder: FakeFolder): string {
  const levels: string[] = []
  for (let at = folder; at.parent !== null; at = at.parent) {
    levels.unshift(at.wellKnown === 'inbox' ? 'INBOX' : encodeName(at.name))
  }
  return levels.join('/')
}

/** Modified UTF-7 (RFC 3501 section 5.1.3), by hand: a witness shares no code with the program. */
export function encodeName(text: string): string {
  let out = ''
  let run = ''
  const flush = (): void => {
    if (run === '') return
    const bytes = Buffer.alloc(run.length * 2)
    for (let at = 0; at < run.length; at++) bytes.writeUInt16BE(run.charCodeAt(at), at * 2)
    out += `&${bytes.toString('base64').replace(/=/g, '').replace(/\//g, ',')}-`
    run = ''
  }
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if (character >= ' ' && character <= '~') {
      flush()
      out += character === '&' ? '&-' : character
    } else run += character
  }
  flush()
  return out
}

/** The opposite. */
export function decodeName(raw: string): string {
  return raw.replace(/&([^-]*)-/g, (_, inner: string) => {
    if (inner === '') return '&'
    const bytes = Buffer.from(inner.replace(/,/g, '/'), 'base64')
    let text = ''
    for (let at = 0; at + 1 < bytes.length; at += 2) text += String.fromCharCode(bytes.readUInt16BE(at))
    return text
  })
}

/** True for a UID in a set such as `1:3,7,9:*`. */
export function inSet(uid: number, set: string, highest: number): boolean {
  return set.split(',').some((part) => {
    const [from = 0, to = from] = part.split(':').map((end) => (end === '*' ? highest : Number(end)))
    return uid >= Math.min(from, to) && uid <= Math.max(from, to)
  })
}

/** `17-Jul-1996 02:44:25 -0700` as milliseconds since 1970. */
export function parseDate(text: string): number {
  return Date.parse(text.trim().replace(/^(\d+)-(\w+)-(\d+) /, '$1 $2 $3 '))
}

/** The opposite, in UTC. */
export function formatDate(ms: number): string {
  const at = new Date(ms)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${two(at.getUTCDate())}-${MONTHS[at.getUTCMonth()] ?? ''}-${at.getUTCFullYear()}`
  return `${day} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())} +0000`
}

/** Flags as IMAP shows them. */
export function flagsOf(item: FakeItem): readonly string[] {
  const verb = item.properties.get('integer 0x1081')
  return [
    ...(item.isRead ? ['\\Seen'] : []),
    ...(item.isDraft ? ['\\Draft'] : []),
    ...(item.imapFlagged ? ['\\Flagged'] : []),
    ...(verb === '102' || verb === '103' ? ['\\Answered'] : []),
    ...(item.imapDeleted ? ['\\Deleted'] : []),
    ...(verb === '104' ? ['$Forwarded'] : []),
    ...item.categories,
  ]
}

/** Sets or clears a flag; an APPEND does not show its `\Flagged` to anybody but IMAP. */
export function setFlag(item: FakeItem, flag: string, on: boolean, by: 'append' | 'store'): void {
  const verb = (value: string): void => {
    if (on) item.properties.set('integer 0x1081', value)
    else item.properties.delete('integer 0x1081')
  }
  switch (flag.toLowerCase()) {
    case '\\seen':
      item.isRead = on
      return
    case '\\draft':
      item.isDraft = on
      return
    case '\\flagged':
      item.imapFlagged = on
      if (by === 'store') item.isFlagged = on
      return
    case '\\answered':
      verb('102')
      return
    case '\\deleted':
      item.imapDeleted = on
      return
    case '$forwarded':
      verb('104')
      return
    default:
      item.categories = item.categories.filter((each) => each.toLowerCase() !== flag.toLowerCase())
      if (on) item.categories.push(flag)
  }
}
