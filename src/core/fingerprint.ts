import { createHash } from 'node:crypto'
import { messageIdOf } from './header.ts'
import { decodeTransfer, hashBytes, hashText, plainLines } from './leaf-content.ts'
import { decodeWords, fieldValue, fileNameOf, parseParameters, type HeaderField } from './mime.ts'
import { MimeStream, type LeafSink } from './mime-stream.ts'

/**
 * What a message says, whatever its encoding: four SHA-256 of 32 bytes each, of the chosen header fields, of the text, of the
 * attachments, and of the Message-ID (zeros without one). Mail systems that render messages anew keep these; they change
 * folding, transfer encodings, boundaries, the order and number of other fields, and blanks at the ends of lines.
 */
export type Fingerprint = Uint8Array

/** What a fingerprint tells apart. */
export type ContentPart = 'headers' | 'text' | 'attachments' | 'message-id'

const PART_BYTES = 32
const PARTS: readonly ContentPart[] = ['headers', 'text', 'attachments', 'message-id']
const NO_MESSAGE_ID = Buffer.alloc(PART_BYTES)

/** Makes the fingerprint of a message that comes in pieces of any size, in bounded memory. Never throws. */
export class Fingerprinter {
  readonly #headers = createHash('sha256')
  readonly #text = createHash('sha256')
  readonly #attachments: string[] = []
  #messageId: Buffer = NO_MESSAGE_ID
  readonly #stream = new MimeStream({
    message: (fields, depth) => this.#message(fields, depth),
    leaf: (fields) => this.#leaf(fields),
  })

  /** Takes the next piece; it is not kept. */
  update(piece: Uint8Array): void {
    this.#stream.update(piece)
  }

  /** Ends the message. May be called once. */
  finish(): Fingerprint {
    this.#stream.finish()
    const attachments = createHash('sha256').update(this.#attachments.sort().join('\n')).digest()
    return Buffer.concat([this.#headers.digest(), this.#text.digest(), attachments, this.#messageId])
  }

  #message(fields: readonly HeaderField[], depth: number): void {
    const chosen = [
      instantOf(fieldValue(fields, 'date')),
      ...['from', 'to', 'cc'].map((name) => addressesIn(fields, name)),
      decodeWords(fieldValue(fields, 'subject') ?? '')
        .replace(/\s+/g, ' ')
        .trim(),
    ]
    const text = JSON.stringify(chosen)
    if (depth === 0) {
      this.#headers.update(text)
      const id = fieldValue(fields, 'message-id')
      const plain = id === null ? null : messageIdOf(Buffer.from(`Message-ID: ${id}\r\n\r\n`, 'latin1'))
      if (plain !== null) this.#messageId = createHash('sha256').update(plain).digest()
    } else this.#text.update(`message ${text}\n`)
  }

  #leaf(fields: readonly HeaderField[] | null): LeafSink {
    const attach = (name: string) => (digest: Buffer | null) => {
      if (digest !== null) this.#attachments.push(JSON.stringify([digest.toString('hex'), name]))
    }
    if (fields === null) return plainLines(hashBytes(attach('')))
    const contentType = parseParameters(fieldValue(fields, 'content-type') ?? 'text/plain')
    const { value: type, parameters } = contentType
    const disposition = parseParameters(fieldValue(fields, 'content-disposition') ?? '')
    const encoding = fieldValue(fields, 'content-transfer-encoding') ?? ''
    const fileName = fileNameOf(disposition, contentType)
    const isText = type === '' || type.startsWith('text/') || !type.includes('/')
    if (isText && fileName === null && disposition.value !== 'attachment') {
      const sink = hashText(parameters.get('charset') ?? null, (digest) => {
        if (digest !== null) this.#text.update(`text ${digest.toString('hex')}\n`)
      })
      return decodeTransfer(encoding, sink)
    }
    return decodeTransfer(encoding, hashBytes(attach((fileName ?? '').trim())))
  }
}

/** Fingerprints a message held whole. */
export function fingerprintOf(message: Uint8Array): Fingerprint {
  const fingerprinter = new Fingerprinter()
  fingerprinter.update(message)
  return fingerprinter.finish()
}

/** The part that decides whether two may be one message; a Message-ID is looked at apart, since servers give one to mail without. */
export function contentKey(fingerprint: Fingerprint): string {
  return hexOf(fingerprint.subarray(0, PARTS.indexOf('message-id') * PART_BYTES))
}

/** True when the message has a Message-ID. */
export function hasMessageId(fingerprint: Fingerprint): boolean {
  return fingerprint.subarray(PARTS.indexOf('message-id') * PART_BYTES).some((byte) => byte !== 0)
}

/** What a copy does not have as the original had it. A Message-ID that the original lacks may have been added. */
export function changedParts(original: Fingerprint, copy: Fingerprint): readonly ContentPart[] {
  return PARTS.filter((part, index) => {
    const [a, b] = [original, copy].map((whole) =>
      hexOf(whole.subarray(index * PART_BYTES, (index + 1) * PART_BYTES)),
    )
    return a !== b && (part !== 'message-id' || hasMessageId(original))
  })
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/** A date as an instant in seconds, whatever zone and form it is told in; one that is no date as its words. */
function instantOf(value: string | null): string {
  const words = (value ?? '')
    .replace(/\([^()]*\)/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  // Without a zone it would be read as of the machine's own.
  const instant = /[+-]\d{4}$|\b(?:[A-Z]{2,4}|Z)$/i.test(words) ? Date.parse(words) : Number.NaN
  return Number.isNaN(instant) ? words : String(Math.floor(instant / 1000))
}

/** Addresses alone: servers spell names as their own directory has them. Each once, in order. */
function addressesIn(fields: readonly HeaderField[], name: string): string {
  const all = fields.filter((field) => field.name.toLowerCase() === name)
  const words = all.flatMap(({ value }) => decodeWords(value).split(/[\s<>()[\],;:"]+/))
  const addresses = words.filter((word) => /^[^@]+@[^@]+$/.test(word)).map((word) => word.toLowerCase())
  return [...new Set(addresses)].join(' ')
}
