/** One header field, unfolded, its bytes as latin1. */
export interface HeaderField {
  readonly name: string
  readonly value: string
}

/** A part that holds no further parts (RFC 2045), decoded. */
export interface MimeLeaf {
  /** Type and subtype in small letters. */
  readonly type: string
  readonly charset: string | null
  readonly isAttachment: boolean
  readonly fileName: string | null
  /** Without its brackets. */
  readonly contentId: string | null
  readonly body: Uint8Array
}

/** A person as a header names one. */
export interface HeaderAddress {
  readonly name: string
  readonly address: string
}

const MAX_DEPTH = 20
const MAX_LEAVES = 1000

/** The header of a message and where its body begins. Takes anything; lines that are no fields are passed over. */
export function readHeader(message: Uint8Array): {
  readonly fields: readonly HeaderField[]
  readonly bodyAt: number
} {
  const text = Buffer.from(message.buffer, message.byteOffset, message.length).toString('latin1')
  const blank = /(?:^|\n)\r?\n/.exec(text)
  const end = blank === null ? text.length : blank.index
  const bodyAt = blank === null ? text.length : blank.index + blank[0].length
  const fields: HeaderField[] = []
  for (const line of text
    .slice(0, end)
    .replace(/\r?\n[ \t]+/g, ' ')
    .split(/\r?\n/)) {
    const match = /^([!-9;-~]+)[ \t]*:[ \t]*(.*)$/s.exec(line)
    if (match !== null) fields.push({ name: match[1] ?? '', value: (match[2] ?? '').trim() })
  }
  return { fields, bodyAt }
}

/** The value of the first field of a name, or null. */
export function fieldValue(fields: readonly HeaderField[], name: string): string | null {
  return fields.find((field) => field.name.toLowerCase() === name)?.value ?? null
}

/**
 * The leaves of a message in order. Never throws and never recurses without bound: what is nested too deep, or has too many
 * parts, ends as one leaf. A message within a message is one leaf.
 */
export function leavesOf(message: Uint8Array): readonly MimeLeaf[] {
  const leaves: MimeLeaf[] = []
  collect(message, 0, leaves)
  return leaves
}

function collect(part: Uint8Array, depth: number, leaves: MimeLeaf[]): void {
  const { fields, bodyAt } = readHeader(part)
  const contentType = parseParameters(fieldValue(fields, 'content-type') ?? 'text/plain')
  const { value: type, parameters } = contentType
  const body = part.subarray(bodyAt)
  const boundary = parameters.get('boundary')
  if (type.startsWith('multipart/') && boundary !== undefined && boundary !== '' && depth < MAX_DEPTH) {
    const inner = splitParts(body, boundary)
    if (inner.length > 0 && leaves.length + inner.length <= MAX_LEAVES) {
      for (const each of inner) collect(each, depth + 1, leaves)
      return
    }
  }
  const disposition = parseParameters(fieldValue(fields, 'content-disposition') ?? '')
  leaves.push({
    type: type === '' ? 'text/plain' : type,
    charset: parameters.get('charset') ?? null,
    isAttachment: disposition.value === 'attachment',
    fileName: fileNameOf(disposition, contentType),
    contentId: (fieldValue(fields, 'content-id') ?? '').replace(/^\s*<|>\s*$/g, '') || null,
    body: decodeBody(body, fieldValue(fields, 'content-transfer-encoding') ?? ''),
  })
}

function splitParts(body: Uint8Array, boundary: string): readonly Uint8Array[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length)
  const mark = Buffer.from(`--${boundary}`, 'latin1')
  const parts: Uint8Array[] = []
  let begun = -1
  for (let at = bytes.indexOf(mark); at !== -1; at = bytes.indexOf(mark, at + mark.length)) {
    if (at > 0 && bytes[at - 1] !== 0x0a) continue
    const lineEnd = bytes.indexOf(0x0a, at)
    const rest = bytes.toString('latin1', at + mark.length, lineEnd === -1 ? bytes.length : lineEnd)
    if (!/^(--)?[ \t\r]*$/.test(rest)) continue
    if (begun !== -1) parts.push(bytes.subarray(begun, Math.max(begun, bytes[at - 2] === 0x0d ? at - 2 : at - 1)))
    begun = rest.startsWith('--') || lineEnd === -1 ? -1 : lineEnd + 1
    if (rest.startsWith('--')) break
  }
  if (begun !== -1) parts.push(bytes.subarray(begun))
  return parts
}

function decodeBody(body: Uint8Array, encoding: string): Uint8Array {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length)
  const name = encoding.trim().toLowerCase()
  if (name === 'base64') return Buffer.from(bytes.toString('latin1').replace(/[^A-Za-z0-9+/]/g, ''), 'base64')
  if (name !== 'quoted-printable') return bytes
  const text = bytes
    .toString('latin1')
    .replace(/[ \t]+(?=\r?\n|$)/g, '')
    .replace(/=\r?\n/g, '')
  return Buffer.from(
    text.replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    'latin1',
  )
}

/** A value in small letters with its parameters. */
export interface Parameters {
  readonly value: string
  /** As they stand in the header, as latin1, but for those in `decoded`. */
  readonly parameters: ReadonlyMap<string, string>
  /** Parameters that said their charset (RFC 2231), and are in Unicode already. */
  readonly decoded: ReadonlySet<string>
}

/** The name of a file, from a disposition or else a type; null without one. */
export function fileNameOf(disposition: Parameters, type: Parameters): string | null {
  return parameterText(disposition, 'filename') ?? parameterText(type, 'name')
}

function parameterText({ parameters, decoded }: Parameters, name: string): string | null {
  const value = parameters.get(name)
  if (value === undefined) return null
  return decoded.has(name) ? value : decodeWords(value)
}

/** A value in small letters and its parameters (RFC 2045 section 5.1, RFC 2231). */
export function parseParameters(field: string): Parameters {
  const parameters = new Map<string, string>()
  const segments = new Map<string, Segment[]>()
  const pattern = /;\s*([^\s=;]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^;]*))/gs
  for (const [, name = '', quoted, plain = ''] of field.matchAll(pattern)) {
    const value = quoted?.replace(/\\(.)/gs, '$1') ?? plain.trim()
    const [, base = '', index = '0', encoded] = /^([^*]+)(?:\*(\d+))?(\*)?$/.exec(name.toLowerCase()) ?? []
    if (name.includes('*')) {
      const others = segments.get(base) ?? []
      segments.set(base, [...others, { index: Number(index), isEncoded: encoded !== undefined, value }])
    } else if (!parameters.has(base)) parameters.set(base, value)
  }
  const decoded = new Set<string>()
  for (const [name, unordered] of segments) {
    const ordered = unordered.sort((one, other) => one.index - other.index)
    if (ordered.some(({ isEncoded }) => isEncoded)) {
      decoded.add(name)
      parameters.set(name, joined(ordered))
    } else parameters.set(name, ordered.map((segment) => segment.value).join(''))
  }
  return { value: (field.split(';')[0] ?? '').trim().toLowerCase(), parameters, decoded }
}

/** A piece of a parameter that goes on in others (RFC 2231 section 3), its bytes as latin1. */
interface Segment {
  readonly index: number
  readonly isEncoded: boolean
  readonly value: string
}

/** The first encoded segment says the charset of all (section 4.1). */
function joined(segments: readonly Segment[]): string {
  const first = segments.findIndex(({ isEncoded }) => isEncoded)
  const [, charset = '', rest] = /^([^']*)'[^']*'(.*)$/s.exec(segments[first]?.value ?? '') ?? []
  const pieces = segments.map(({ isEncoded, value }, index) =>
    isEncoded ? percentDecoded(index === first ? (rest ?? value) : value) : Buffer.from(value, 'latin1'),
  )
  return decodeText(Buffer.concat(pieces), charset === '' ? 'utf-8' : charset)
}

function percentDecoded(text: string): Uint8Array {
  return hexDecoded(text, /%([0-9A-Fa-f]{2})/g)
}

function hexDecoded(text: string, escape: RegExp): Uint8Array {
  const decoded = text.replace(escape, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  return Buffer.from(decoded, 'latin1')
}

/** Decodes text of a charset; what is not known, or not told, is read as UTF-8 where it is some and else as Windows-1252. */
export function decodeText(bytes: Uint8Array, charset: string | null): string {
  if (charset !== null && charset !== '' && !/^(us-)?ascii$/i.test(charset)) {
    try {
      return decodeAs(charset, bytes)
    } catch {
      // a name that nobody knows
    }
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return decodeAs('windows-1252', bytes)
  }
}

/** In a stream, since Node 20 takes Windows-1252 for ISO 8859-1 when it decodes all at once. */
function decodeAs(charset: string, bytes: Uint8Array): string {
  const decoder = new TextDecoder(charset)
  return decoder.decode(bytes, { stream: true }) + decoder.decode()
}

const ENCODED_WORD = /=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bqBQ])\?([^?]*)\?=/

/**
 * Decodes the encoded words of a header (RFC 2047); raw bytes beyond ASCII are read as `decodeText` reads them. Neighbours of one
 * charset are put together first: mailers cut texts where they like, and characters with them.
 */
export function decodeWords(value: string): string {
  let text = ''
  let held: { readonly charset: string; readonly pieces: Uint8Array[] } | null = null
  const flush = (): void => {
    if (held !== null) text += decodeText(Buffer.concat(held.pieces), held.charset)
    held = null
  }
  let rest = value
  for (let word = ENCODED_WORD.exec(rest); word !== null; word = ENCODED_WORD.exec(rest)) {
    const [whole, charset = '', encoding = '', encoded = ''] = word
    const before = rest.slice(0, word.index)
    if (held === null || before.trim() !== '' || held.charset !== charset.toLowerCase()) {
      const isBlank = held !== null && before.trim() === ''
      flush()
      // Blanks between encoded words are none (section 6.2).
      if (!isBlank) text += decodeText(Buffer.from(before, 'latin1'), null)
      held = { charset: charset.toLowerCase(), pieces: [] }
    }
    held.pieces.push(
      encoding.toLowerCase() === 'b'
        ? Buffer.from(encoded, 'base64')
        : hexDecoded(encoded.replaceAll('_', ' '), /=([0-9A-Fa-f]{2})/g),
    )
    rest = rest.slice(word.index + whole.length)
  }
  flush()
  return text + decodeText(Buffer.from(rest, 'latin1'), null)
}

/** The persons of a field such as `To` (RFC 5322 section 3.4). Groups lose their names; what has no address is left out. */
export function addressesOf(value: string | null): readonly HeaderAddress[] {
  if (value === null) return []
  const found: HeaderAddress[] = []
  const bare = value.replace(/\((?:\\.|[^()\\])*\)/g, ' ').replace(/^[^"<@:]*:/, '')
  for (const piece of bare.match(/(?:"(?:\\.|[^"\\])*"|<[^>]*>|[^",;<])+/g) ?? []) {
    const angled = /<([^<>]*)>/.exec(piece)
    const address = (angled?.[1] ?? piece).trim()
    if (!/^\S+@\S+$/.test(address)) continue
    const name =
      angled === null
        ? ''
        : piece
            .slice(0, angled.index)
            .trim()
            .replace(/^"(.*)"$/s, '$1')
            .replace(/\\(.)/g, '$1')
    found.push({ name: decodeWords(name), address })
  }
  return found
}
