import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { SealpostError } from '../src/core/errors.ts'
import type { OpenedBytes, StoredBytes } from '../src/core/ports.ts'
import { wipe } from './secret.ts'

/** age's STREAM (c2sp.org/age, Payload): ChaCha20-Poly1305 in chunks of 64 KiB, keys from HKDF-SHA-256. */
const CHUNK_BYTES = 65_536
const TAG_BYTES = 16
const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
const NONCE_BYTES = 16
/** How many chunks make one piece: large writes, and still only a megabyte a stream in memory. */
const CHUNKS_PER_PIECE = 16

/**
 * Seals a payload of any length under a file key that was never used before: nonce (16), then the chunks. What is yielded
 * is the consumer's to keep. The consumer may stop early. `nonce` is for test vectors.
 */
export async function* sealPayload(
  fileKey: Uint8Array,
  pieces: AsyncIterable<Uint8Array>,
  nonce: Uint8Array = randomBytes(NONCE_BYTES),
): AsyncGenerator<Buffer, void, undefined> {
  const key = payloadKey(fileKey, nonce)
  const gathered = Buffer.allocUnsafeSlow(CHUNKS_PER_PIECE * CHUNK_BYTES)
  let held = 0
  let counter = 0
  try {
    yield Buffer.from(nonce)
    for await (const piece of pieces) {
      let taken = 0
      while (taken < piece.length) {
        // Only when more is to come: the last chunk is marked, and may be full.
        if (held === gathered.length) {
          yield sealChunks(key, counter, gathered, false)
          counter += CHUNKS_PER_PIECE
          held = 0
        }
        const part = piece.subarray(taken, taken + gathered.length - held)
        gathered.set(part, held)
        held += part.length
        taken += part.length
      }
    }
    yield sealChunks(key, counter, gathered.subarray(0, held), true)
  } finally {
    wipe(key, gathered)
  }
}

/**
 * Opens what `sealPayload` made. A chunk's bytes are yielded only after its tag has passed. Throws `corrupt` for another
 * key and for anything changed, moved, cut off or added: at the latest at the end.
 */
export async function* openPayload(
  fileKey: Uint8Array,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer, void, undefined> {
  const nonce = Buffer.alloc(NONCE_BYTES)
  const gathered = Buffer.allocUnsafeSlow(CHUNKS_PER_PIECE * SEALED_CHUNK_BYTES)
  let nonceHeld = 0
  let held = 0
  let counter = 0
  let key: Buffer | null = null
  try {
    for await (const piece of pieces) {
      let taken = 0
      while (taken < piece.length) {
        if (key === null) {
          const part = piece.subarray(taken, taken + NONCE_BYTES - nonceHeld)
          nonce.set(part, nonceHeld)
          nonceHeld += part.length
          taken += part.length
          if (nonceHeld === NONCE_BYTES) key = payloadKey(fileKey, nonce)
          continue
        }
        if (held === gathered.length) {
          yield openChunks(key, counter, gathered, false)
          counter += CHUNKS_PER_PIECE
          held = 0
        }
        const part = piece.subarray(taken, taken + gathered.length - held)
        gathered.set(part, held)
        held += part.length
        taken += part.length
      }
    }
    if (key === null || held === 0) throw endsEarly()
    const last = openChunks(key, counter, gathered.subarray(0, held), true)
    if (last.length > 0) yield last
  } finally {
    wipe(key)
  }
}

/**
 * Opens a payload that lies in a file from byte `start` on, to be read anywhere. Takes the file key over. Throws `corrupt`
 * when its length is that of no payload. Only reading all of it proves that it is whole.
 */
export async function openPayloadAt(fileKey: Uint8Array, file: StoredBytes, start: number): Promise<OpenedBytes> {
  const first = start + NONCE_BYTES
  const sealedBytes = file.bytes - first
  const chunks = Math.max(1, Math.ceil(sealedBytes / SEALED_CHUNK_BYTES))
  const bytes = sealedBytes - chunks * TAG_BYTES
  const lastBytes = bytes - (chunks - 1) * CHUNK_BYTES
  if (sealedBytes < TAG_BYTES || (chunks > 1 && lastBytes <= 0)) throw endsEarly()
  const key = payloadKey(fileKey, await file.read(start, NONCE_BYTES))
  wipe(fileKey)

  async function* read(from: number, to: number): AsyncGenerator<Uint8Array, void, undefined> {
    if (from < 0 || to < from || to > bytes) throw new SealpostError('bug', 'a read beyond the end of a payload')
    let chunk = Math.floor(from / CHUNK_BYTES)
    const end = Math.ceil(to / CHUNK_BYTES)
    while (chunk < end) {
      const count = Math.min(CHUNKS_PER_PIECE, end - chunk)
      const position = first + chunk * SEALED_CHUNK_BYTES
      const length = Math.min(count * SEALED_CHUNK_BYTES, file.bytes - position)
      const sealed = Buffer.from(await file.read(position, length))
      for (const [at, plain] of openPiece(key, chunk, sealed, chunk + count === chunks)) {
        const base = at * CHUNK_BYTES
        yield plain.subarray(Math.max(0, from - base), Math.min(plain.length, to - base))
      }
      chunk += count
    }
  }

  /** An empty payload has a chunk too, and it says that nothing was cut off. */
  async function* readAll(): AsyncGenerator<Uint8Array, void, undefined> {
    if (bytes > 0) yield* read(0, bytes)
    else openChunks(key, 0, Buffer.from(await file.read(first, TAG_BYTES)), true)
  }

  return { bytes, read, readAll, close: () => wipe(key) }
}

function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32))
}

function sealChunks(key: Buffer, firstCounter: number, bytes: Buffer, endsHere: boolean): Buffer {
  const count = Math.max(1, Math.ceil(bytes.length / CHUNK_BYTES))
  const sealed = Buffer.allocUnsafeSlow(bytes.length + count * TAG_BYTES)
  for (let i = 0; i < count; i++) {
    const nonce = nonceAt(firstCounter + i, endsHere && i === count - 1)
    const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_BYTES })
    const body = cipher.update(bytes.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES))
    cipher.final()
    sealed.set(body, i * SEALED_CHUNK_BYTES)
    sealed.set(cipher.getAuthTag(), i * SEALED_CHUNK_BYTES + body.length)
  }
  return sealed
}

function openChunks(key: Buffer, firstCounter: number, sealed: Buffer, endsHere: boolean): Buffer {
  const count = Math.ceil(sealed.length / SEALED_CHUNK_BYTES)
  const lastBytes = sealed.length - (count - 1) * SEALED_CHUNK_BYTES - TAG_BYTES
  // Only the first chunk may be empty, when the whole payload is.
  if (lastBytes < 0 || (lastBytes === 0 && firstCounter + count > 1)) throw endsEarly()
  const bytes = Buffer.allocUnsafeSlow(sealed.length - count * TAG_BYTES)
  for (let i = 0; i < count; i++) {
    const chunk = sealed.subarray(i * SEALED_CHUNK_BYTES, (i + 1) * SEALED_CHUNK_BYTES)
    const nonce = nonceAt(firstCounter + i, endsHere && i === count - 1)
    const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAuthTag(chunk.subarray(chunk.length - TAG_BYTES))
    const body = decipher.update(chunk.subarray(0, chunk.length - TAG_BYTES))
    try {
      decipher.final()
    } catch {
      wipe(body, bytes)
      throw new SealpostError('corrupt', `the age file was changed or cut off at chunk ${firstCounter + i}`)
    }
    bytes.set(body, i * CHUNK_BYTES)
  }
  return bytes
}

/** All chunks of a piece at once; of a damaged piece those before the damage, so that its place can be told. */
function* openPiece(
  key: Buffer,
  firstCounter: number,
  sealed: Buffer,
  endsHere: boolean,
): Generator<readonly [counter: number, plain: Buffer]> {
  let whole: Buffer
  try {
    whole = openChunks(key, firstCounter, sealed, endsHere)
  } catch (error) {
    const count = Math.ceil(sealed.length / SEALED_CHUNK_BYTES)
    for (let i = 0; i < count; i++) {
      const chunk = sealed.subarray(i * SEALED_CHUNK_BYTES, (i + 1) * SEALED_CHUNK_BYTES)
      yield [firstCounter + i, openChunks(key, firstCounter + i, chunk, endsHere && i === count - 1)]
    }
    throw error
  }
  yield [firstCounter, whole]
}

/** The chunk's number, big-endian in 11 bytes, and whether it is the last one. */
function nonceAt(counter: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(Math.floor(counter / 2 ** 32), 3)
  nonce.writeUInt32BE(counter % 2 ** 32, 7)
  nonce.writeUInt8(isLast ? 1 : 0, 11)
  return nonce
}

function endsEarly(): SealpostError {
  return new SealpostError('corrupt', 'the age file ends too early')
}
