import { createHash, hash as digestAtOnce, type Hash } from 'node:crypto'
import { Fingerprinter, type Fingerprint } from './fingerprint.ts'

/** What was learnt from one body on its way. */
export interface Digests {
  /** SHA-256 of the bytes as fetched, 32 bytes: the evidence. */
  readonly digest: Uint8Array
  /** SHA-256 of the canonical form, 32 bytes: what decides whether two copies are one message. */
  readonly matchDigest: Uint8Array
  readonly bytes: number
  /** Length of the canonical form. */
  readonly matchBytes: number
  /** The bytes hold a NUL. */
  readonly nul: boolean
  /** What the message says; null where nobody asked for it. */
  readonly fingerprint: Fingerprint | null
}

/** What is to be learnt besides. */
export interface DigestOptions {
  /** Reads the message as MIME, too: some ten times the work. */
  readonly content: boolean
}

const BYTES_ALONE: DigestOptions = { content: false }

const CR = 0x0d
const LF = 0x0a
const CRLF = Buffer.from('\r\n')
const ONE_CR = Buffer.from('\r')
const MASKED_NUL = Buffer.from([0x80])

/**
 * Digests one body fed in pieces of any size; the result does not depend on where the pieces are cut.
 *
 * The canonical form is what servers change by themselves: every line ends in CRLF, the last one too, whatever run of
 * CR stood before its LF; a CR that no LF follows does not count (Courier drops it, Dovecot at the very end); NUL reads
 * as 0x80. Most mail is canonical already, and then one hash does for both: a second one is begun at the first byte
 * that differs, with what came before fed to it from the first.
 */
export class Digester {
  readonly #plain: Hash = createHash('sha256')
  /** Null while everything so far is canonical. */
  #canonical: Hash | null = null
  #bytes = 0
  #matchBytes = 0
  #nul = false
  /** A CR came last; while canonical it is in neither hash. */
  #heldCr = false
  /** The canonical form so far ends in a line end. */
  #atLineEnd = false
  readonly #content: Fingerprinter | null

  constructor({ content }: DigestOptions = BYTES_ALONE) {
    this.#content = content ? new Fingerprinter() : null
  }

  /** Takes the next piece; it is not kept. */
  update(piece: Uint8Array): void {
    if (piece.length === 0) return
    this.#bytes += piece.length
    this.#content?.update(piece)
    if (this.#canonical === null) {
      if (isCanonical(piece, this.#heldCr)) {
        this.#updateBoth(piece)
        return
      }
      this.#canonical = this.#plain.copy()
      if (this.#heldCr) this.#plain.update(ONE_CR)
    }
    this.#plain.update(piece)
    this.#updateCanonical(this.#canonical, piece)
  }

  /** Ends the body. May be called once. */
  finish(): Digests {
    let canonical = this.#canonical
    const lacksEnd = !this.#atLineEnd && this.#matchBytes > 0
    if (canonical === null && (lacksEnd || this.#heldCr)) {
      canonical = this.#plain.copy()
      if (this.#heldCr) this.#plain.update(ONE_CR)
    }
    if (lacksEnd) {
      canonical?.update(CRLF)
      this.#matchBytes += CRLF.length
    }
    const digest = this.#plain.digest()
    const matchDigest = canonical === null ? digest : canonical.digest()
    const fingerprint = this.#content?.finish() ?? null
    return { digest, matchDigest, bytes: this.#bytes, matchBytes: this.#matchBytes, nul: this.#nul, fingerprint }
  }

  #updateBoth(piece: Uint8Array): void {
    if (this.#heldCr) {
      this.#plain.update(ONE_CR)
      this.#matchBytes++
    }
    this.#heldCr = piece[piece.length - 1] === CR
    const kept = piece.length - (this.#heldCr ? 1 : 0)
    this.#plain.update(piece.subarray(0, kept))
    this.#matchBytes += kept
    if (kept > 0) this.#atLineEnd = piece[kept - 1] === LF
  }

  #updateCanonical(hash: Hash, piece: Uint8Array): void {
    let start = 0
    const flush = (end: number): void => {
      if (end <= start) return
      hash.update(piece.subarray(start, end))
      this.#matchBytes += end - start
    }
    const put = (bytes: Buffer): void => {
      hash.update(bytes)
      this.#matchBytes += bytes.length
    }
    for (let i = 0; i < piece.length; i++) {
      const byte = piece[i]
      if (byte === CR) {
        flush(i)
        start = i + 1
        continue
      }
      this.#atLineEnd = byte === LF
      if (byte === LF) {
        flush(i)
        put(CRLF)
        start = i + 1
      } else if (byte === 0) {
        flush(i)
        put(MASKED_NUL)
        this.#nul = true
        start = i + 1
      }
    }
    flush(piece.length)
  }
}

/** True when each CR stands before an LF or last, each LF after a CR, and there is no NUL. `afterCr`: a CR came before. */
function isCanonical(piece: Uint8Array, afterCr: boolean): boolean {
  if (piece.includes(0)) return false
  if (afterCr !== (piece[0] === LF)) return false
  for (let i = piece.indexOf(LF, 1); i !== -1; i = piece.indexOf(LF, i + 1)) {
    if (piece[i - 1] !== CR) return false
  }
  const last = piece.length - 1
  for (let i = piece.indexOf(CR); i !== -1 && i < last; i = piece.indexOf(CR, i + 1)) {
    if (piece[i + 1] !== LF) return false
  }
  return true
}

/** Digests a body held whole. */
export function digestWhole(body: Uint8Array, options = BYTES_ALONE): Digests {
  // What nearly all mail is: one call, where making a hash object takes longer than hashing a small message.
  if (!options.content && body[body.length - 1] === LF && isCanonical(body, false)) {
    const digest = digestAtOnce('sha256', body, 'buffer')
    const { length: bytes } = body
    return { digest, matchDigest: digest, bytes, matchBytes: bytes, nul: false, fingerprint: null }
  }
  const digester = new Digester(options)
  digester.update(body)
  return digester.finish()
}

/** True when a body has the very bytes that `digests` were made of: then they are its digests, too. */
export function hasBytesOf(body: Uint8Array, { bytes, digest }: Digests): boolean {
  return body.length === bytes && digestAtOnce('sha256', body, 'buffer').equals(digest)
}

/** Digests a body read in pieces. Throws what reading throws. */
export async function digestStream(pieces: AsyncIterable<Uint8Array>, options = BYTES_ALONE): Promise<Digests> {
  const digester = new Digester(options)
  for await (const piece of pieces) digester.update(piece)
  return digester.finish()
}
