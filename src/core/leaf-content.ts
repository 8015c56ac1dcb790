import { createHash } from 'node:crypto'
import type { LeafSink } from './mime-stream.ts'

/** Encoded text is decoded in groups of about this many characters. */
const GROUP_CHARACTERS = 64 * 1024
/** Blanks at the end of a line count when there are more. */
const MAX_BLANKS = 1000

const CRLF = Buffer.from('\r\n')

/** Takes the bytes of a part, decoded. */
export interface ByteSink {
  take(bytes: Buffer): void
  end(): void
}

/** Decodes a transfer encoding (RFC 2045 section 6) on the way; what is none of the two is taken as it stands. */
export function decodeTransfer(encoding: string, sink: ByteSink): LeafSink {
  const name = encoding.trim().toLowerCase()
  if (name === 'base64') return base64Lines(sink)
  return name === 'quoted-printable' ? quotedLines(sink) : plainLines(sink)
}

/** The lines themselves, each ended by CRLF. */
export function plainLines(sink: ByteSink): LeafSink {
  return {
    take: (segment, isNew) => {
      if (isNew) sink.take(CRLF)
      sink.take(segment)
    },
    end: () => sink.end(),
  }
}

function base64Lines(sink: ByteSink): LeafSink {
  let held = ''
  const flush = (length: number): void => {
    if (length > 0) sink.take(Buffer.from(held.slice(0, length), 'base64'))
    held = held.slice(length)
  }
  return {
    take: (segment) => {
      held += segment.toString('latin1').replace(/[^A-Za-z0-9+/]/g, '')
      if (held.length >= GROUP_CHARACTERS) flush(held.length - (held.length % 4))
    },
    end: () => {
      flush(held.length)
      sink.end()
    },
  }
}

/** RFC 2045 section 6.7: blanks at a line's end are none, and an equals sign there joins it to the next. */
function quotedLines(sink: ByteSink): LeafSink {
  let line = ''
  let isBegun = false
  let decoded = ''
  const flush = (isEnded: boolean): void => {
    let end = line.length
    while (end > 0 && ' \t'.includes(line.charAt(end - 1))) end--
    const isSoft = line.charAt(end - 1) === '='
    const text = line.slice(0, isSoft ? end - 1 : end)
    decoded += text.includes('=')
      ? text.replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
      : text
    if (isEnded && !isSoft) decoded += '\r\n'
    line = ''
    if (decoded.length >= GROUP_CHARACTERS) drain()
  }
  const drain = (): void => {
    if (decoded !== '') sink.take(Buffer.from(decoded, 'latin1'))
    decoded = ''
  }
  return {
    take: (segment, isNew) => {
      if (isNew) flush(true)
      // What belongs to a line without end is decoded as a line of its own: no mailer writes such a one.
      else if (isBegun) flush(false)
      isBegun = true
      line = segment.toString('latin1')
    },
    end: () => {
      flush(false)
      drain()
      sink.end()
    },
  }
}

/** SHA-256 of the bytes; calls back with null when there were none. */
export function hashBytes(onEnd: (digest: Buffer | null) => void): ByteSink {
  const hash = createHash('sha256')
  let isEmpty = true
  return {
    take: (bytes) => {
      isEmpty &&= bytes.length === 0
      hash.update(bytes)
    },
    end: () => onEnd(isEmpty ? null : hash.digest()),
  }
}

/**
 * SHA-256 of what a person reads: the text in Unicode, without blanks at the ends of lines and empty lines at its own end.
 * Calls back with null when there is nothing. A charset that is not known, or that the bytes break, is read as UTF-8
 * where they are some, else as Windows-1252, which has a character for each byte: no change can hide there.
 */
export function hashText(charset: string | null, onEnd: (digest: Buffer | null) => void): ByteSink {
  const named = charset === null || /^(us-)?ascii$/i.test(charset) ? 'utf-8' : charset
  let decoder = strictDecoder(named) ?? strictDecoder('utf-8')
  const byDecoder = new TextHash()
  const fallback = new TextDecoder('windows-1252')
  const byFallback = new TextHash()
  let held = ''
  const decode = (): void => {
    const bytes = Buffer.from(held, 'latin1')
    held = ''
    byFallback.update(fallback.decode(bytes, { stream: true }))
    try {
      if (decoder !== null) byDecoder.update(decoder.decode(bytes, { stream: true }))
    } catch {
      decoder = null
    }
  }
  return {
    // Many lines at once: to begin decoding costs more than to decode.
    take: (bytes) => {
      held += bytes.toString('latin1')
      if (held.length >= GROUP_CHARACTERS) decode()
    },
    end: () => {
      decode()
      try {
        decoder?.decode()
      } catch {
        decoder = null
      }
      onEnd((decoder === null ? byFallback : byDecoder).digest())
    },
  }
}

function strictDecoder(charset: string): InstanceType<typeof TextDecoder> | null {
  try {
    return new TextDecoder(charset, { fatal: true, ignoreBOM: true })
  } catch {
    return null
  }
}

/** Text that comes in pieces, hashed without the blanks at the ends of its lines and the empty lines at its end. */
class TextHash {
  readonly #hash = createHash('sha256')
  #isEmpty = true
  #lineEnds = 0
  #blanks = ''

  update(text: string): void {
    let start = 0
    for (;;) {
      const end = text.indexOf('\n', start)
      this.#line(text.slice(start, end === -1 ? text.length : end).replaceAll('\r', ''))
      if (end === -1) return
      this.#lineEnds++
      this.#blanks = ''
      start = end + 1
    }
  }

  digest(): Buffer | null {
    return this.#isEmpty ? null : this.#hash.digest()
  }

  /** A line or a part of one. */
  #line(text: string): void {
    let end = text.length
    while (end > 0 && ' \t'.includes(text.charAt(end - 1))) end--
    if (this.#blanks.length + text.length - end > MAX_BLANKS) end = text.length
    if (end > 0) {
      while (this.#lineEnds > 0) {
        const size = Math.min(this.#lineEnds, GROUP_CHARACTERS)
        this.#hash.update('\n'.repeat(size))
        this.#lineEnds -= size
      }
      this.#hash.update(this.#blanks + text.slice(0, end), 'utf8')
      this.#blanks = ''
      this.#isEmpty = false
    }
    this.#blanks += text.slice(end)
  }
}
