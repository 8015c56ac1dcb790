import type { Body } from '../../src/core/mail.ts'
import { exactPieces } from '../shared/exact-body.ts'
import { FromLines } from './from-lines.ts'

/** How one message stands in an mbox file: so many bytes, from its From_ line to the blank line behind it. */
export interface MboxPlace {
  readonly bytes: number
  /** `lf`: every CRLF stands as LF. `kept`: the message has other line ends as well, and stands as it is. */
  readonly lineEnds: 'lf' | 'kept'
}

const LF = 0x0a
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const LATEST = Date.UTC(9999, 11, 31)

/**
 * A message as mboxrd has it (RFC 4155, with `>` before every `>…>From `): its From_ line with INTERNALDATE in UTC, its bytes,
 * a line end where it has none, a blank line. Calls back with how it stands once all of it was handed out. Reads the body
 * twice. `onPiece` is given the message's own bytes.
 */
export async function* storeInMbox(
  body: Uint8Array | Body,
  internalDate: number,
  onPiece: (piece: Uint8Array) => void,
  onEnd: (place: MboxPlace) => void,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const lineEnds = (await isAllCrlf(exactPieces(body, signal))) ? 'lf' : 'kept'
  const first = Buffer.from(`From MAILER-DAEMON ${asctime(internalDate)}\n`, 'latin1')
  const lines = new FromLines('quote')
  let bytes = first.length
  let last = 0
  const count = (piece: Uint8Array): Uint8Array => {
    bytes += piece.length
    last = piece.at(-1) ?? last
    return piece
  }
  yield first
  for await (const piece of exactPieces(body, signal)) {
    onPiece(piece)
    const kept = lineEnds === 'lf' ? replaced(piece, '\r', '') : piece
    yield count(lines.push(kept))
  }
  yield count(lines.end())
  yield count(Buffer.from(last === LF ? '\n' : '\n\n', 'latin1'))
  onEnd({ bytes, lineEnds })
}

/** The `size` bytes of a message out of its place in an mbox file. What is not there is missing at the end. */
export async function* readFromMbox(
  stored: AsyncIterable<Uint8Array>,
  { lineEnds }: MboxPlace,
  size: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const lines = new FromLines('unquote')
  let inFirst = true
  let left = size
  const own = (piece: Uint8Array): Uint8Array => {
    const bytes = (lineEnds === 'lf' ? replaced(piece, '\n', '\r\n') : piece).subarray(0, left)
    left -= bytes.length
    return bytes
  }
  for await (const piece of stored) {
    const end = inFirst ? piece.indexOf(LF) : -1
    if (inFirst && end === -1) continue
    inFirst = false
    const bytes = own(lines.push(piece.subarray(end + 1)))
    if (bytes.length > 0) yield bytes
  }
  const rest = own(lines.end())
  if (rest.length > 0) yield rest
}

/** Whether CR and LF come as pairs alone. */
async function isAllCrlf(pieces: AsyncIterable<Uint8Array>): Promise<boolean> {
  let before = ''
  for await (const piece of pieces) {
    if (piece.length === 0) continue
    const text = before + latin1(piece)
    if (/(?:^|[^\r])\n|\r[^\n]/.test(text)) return false
    before = text.endsWith('\n') ? '' : text.slice(-1)
  }
  return before !== '\r'
}

function replaced(piece: Uint8Array, what: string, by: string): Uint8Array {
  return Buffer.from(latin1(piece).replaceAll(what, by), 'latin1')
}

function latin1(piece: Uint8Array): string {
  return Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString('latin1')
}

/** As asctime(3) writes it, UTC; years that it has no room for are the nearest that it has. The manifest has the true date. */
function asctime(at: number): string {
  const date = new Date(Math.min(Math.max(at, 0), LATEST))
  const two = (number: number, fill = '0'): string => String(number).padStart(2, fill)
  const clock = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map((part) => two(part)).join(':')
  const day = `${DAYS[date.getUTCDay()] ?? ''} ${MONTHS[date.getUTCMonth()] ?? ''} ${two(date.getUTCDate(), ' ')}`
  return `${day} ${clock} ${date.getUTCFullYear()}`
}
