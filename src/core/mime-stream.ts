import { fieldValue, parseParameters, readHeader, type HeaderField } from './mime.ts'

/** Deeper parts, and those after so many, are one leaf. */
const MAX_DEPTH = 20
const MAX_PARTS = 1000
/** What a header holds beyond this is passed over. */
const MAX_HEADER_BYTES = 256 * 1024
/** A longer line comes in segments of this length. */
const SEGMENT_BYTES = 64 * 1024
/** A boundary has at most 70 characters (RFC 2046 section 5.1.1); what mailers write is bounded generously. */
const MAX_BOUNDARY_LINE = 1000

const LF = 0x0a
const CR = 0x0d
const DASH = 0x2d

/** Takes the lines of one leaf as they stand in the message, still in their transfer encoding. */
export interface LeafSink {
  /**
   * A line or a part of one, without its end. `isNew`: a line end came before it. Only valid during the call. How a message
   * is cut into these calls does not depend on the pieces that it came in.
   */
  take(segment: Buffer, isNew: boolean): void
  end(): void
}

/** What a message consists of, in order. */
export interface MimeEvents {
  /** The header of the message itself (depth 0), or of one within it (RFC 2046 section 5.2.1). */
  message(fields: readonly HeaderField[], depth: number): void
  /** A part with no further parts begins; null fields: it is opaque, taken as it stands. */
  leaf(fields: readonly HeaderField[] | null): LeafSink
}

/** A multipart that has not ended. */
interface Frame {
  readonly boundary: string
  readonly depth: number
  /** RFC 1847: what was signed may not be changed at all, so that its first part is taken as it stands. */
  readonly isSigned: boolean
  parts: number
}

type State = 'header' | 'leaf' | 'between'

/**
 * Reads a message of any size in one go and in bounded memory. Never throws, whatever it is fed: what cannot be read as parts
 * is a leaf. Preamble and epilogue of a multipart are no content, unless it has no part at all.
 */
export class MimeStream {
  readonly #events: MimeEvents
  #rest = Buffer.alloc(0)
  #isSegment = false
  #state: State = 'header'
  #header: Buffer[] = []
  #headerBytes = 0
  #depth = 0
  #isMessage = true
  #frames: Frame[] = []
  #parts = 0
  #leaf: LeafSink | null = null
  #isFirstLine = true
  #endsInLine = false
  /** What stands before the first part; the leaf when there is none. */
  #isPreamble = false

  constructor(events: MimeEvents) {
    this.#events = events
  }

  /** Takes the next piece; it is not kept. */
  update(piece: Uint8Array): void {
    const fresh = Buffer.from(piece.buffer, piece.byteOffset, piece.length)
    const bytes = this.#rest.length === 0 ? fresh : Buffer.concat([this.#rest, fresh])
    let at = 0
    let end = -1
    while (at < bytes.length) {
      if (end !== Infinity && end < at) {
        const found = bytes.indexOf(LF, at)
        end = found === -1 ? Infinity : found
      }
      const isWhole = end !== Infinity
      if ((isWhole ? end : bytes.length) - at > SEGMENT_BYTES) {
        this.#segment(bytes.subarray(at, at + SEGMENT_BYTES), false)
        at += SEGMENT_BYTES
      } else if (isWhole) {
        this.#segment(bytes.subarray(at, end), true)
        at = end + 1
      } else break
    }
    this.#rest = Buffer.from(bytes.subarray(at))
  }

  /** Ends the message. May be called once. */
  finish(): void {
    if (this.#rest.length > 0) this.#segment(this.#rest, false)
    if (this.#state === 'header') this.#endHeader()
    // The last line end belongs to the content: no boundary has claimed it.
    if (this.#leaf !== null && this.#endsInLine && !this.#isFirstLine) this.#leaf.take(Buffer.alloc(0), true)
    this.#endLeaf()
  }

  #segment(bytes: Buffer, isEnded: boolean): void {
    const startsLine = !this.#isSegment
    this.#isSegment = !isEnded
    this.#endsInLine = isEnded
    const line = isEnded ? withoutCr(bytes) : bytes
    if (startsLine && this.#frames.length > 0 && line[0] === DASH && line[1] === DASH && this.#isBoundary(line))
      return
    if (this.#state === 'header') {
      if (startsLine && line.length === 0) this.#endHeader()
      else if (this.#headerBytes < MAX_HEADER_BYTES) {
        this.#header.push(Buffer.from(line), Buffer.from(isEnded ? '\r\n' : ''))
        this.#headerBytes += line.length
      }
    } else if (this.#leaf !== null) {
      this.#leaf.take(line, startsLine && !this.#isFirstLine)
      this.#isFirstLine = false
    }
  }

  #isBoundary(line: Buffer): boolean {
    if (line.length > MAX_BOUNDARY_LINE) return false
    const text = line.toString('latin1', 2).replace(/[ \t\r]+$/, '')
    for (let index = this.#frames.length - 1; index >= 0; index--) {
      const frame = this.#frames[index]
      const isClosing = text === `${frame?.boundary}--`
      if (frame === undefined || (text !== frame.boundary && !isClosing)) continue
      if (this.#state === 'header') this.#endHeader()
      // A part whose header was not ended by a blank line may have opened a multipart: it ends here too.
      this.#endLeaf(!isClosing && frame.parts === 0 && index === this.#frames.length - 1)
      this.#frames.length = isClosing ? index : index + 1
      if (isClosing) this.#state = 'between'
      else this.#beginPart(frame)
      return true
    }
    return false
  }

  #beginPart(frame: Frame): void {
    frame.parts++
    if (++this.#parts > MAX_PARTS) {
      this.#frames = []
      this.#beginLeaf(null)
    } else if (frame.isSigned && frame.parts === 1) this.#beginLeaf(null)
    else this.#beginHeader(frame.depth + 1, false)
  }

  #beginHeader(depth: number, isMessage: boolean): void {
    this.#state = 'header'
    this.#header = []
    this.#headerBytes = 0
    this.#depth = depth
    this.#isMessage = isMessage
  }

  #endHeader(): void {
    const { fields } = readHeader(Buffer.concat(this.#header))
    this.#header = []
    const depth = this.#depth
    if (this.#isMessage) this.#events.message(fields, depth)
    const { value: type, parameters } = parseParameters(fieldValue(fields, 'content-type') ?? '')
    const boundary = parameters.get('boundary') ?? ''
    const isPlain = /^\s*(?:7bit|8bit|binary)?\s*$/i.test(fieldValue(fields, 'content-transfer-encoding') ?? '')
    if (type.startsWith('multipart/') && boundary !== '' && depth < MAX_DEPTH) {
      const frame = {
        boundary: boundary.replace(/[ \t]+$/, ''),
        depth,
        isSigned: type === 'multipart/signed',
        parts: 0,
      }
      this.#frames.push(frame)
      this.#beginLeaf(null)
      this.#isPreamble = true
    } else if (/^message\/(?:rfc822|global)$/.test(type) && isPlain && depth < MAX_DEPTH) {
      this.#beginHeader(depth + 1, true)
    } else this.#beginLeaf(fields)
  }

  #beginLeaf(fields: readonly HeaderField[] | null): void {
    this.#state = 'leaf'
    this.#leaf = this.#events.leaf(fields)
    this.#isFirstLine = true
    this.#isPreamble = false
  }

  /** A preamble is dropped once a part follows it. */
  #endLeaf(isPartNext = false): void {
    const leaf = this.#leaf
    this.#leaf = null
    if (!(isPartNext && this.#isPreamble)) leaf?.end()
    this.#isPreamble = false
  }
}

function withoutCr(line: Buffer): Buffer {
  let end = line.length
  while (end > 0 && line[end - 1] === CR) end--
  return line.subarray(0, end)
}
