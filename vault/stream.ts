import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { SealpostError } from '../src/core/errors.ts'
import type { Sealer } from '../src/core/ports.ts'
import { wipe } from './secret.ts'

/** Cobblestone-256 (c2sp.org/chunked-encryption): AES-256-GCM in chunks of 16 KiB, keys from HKDF-Expand with SHA-512. */
const CHUNK_BYTES = 16_384
const TAG_BYTES = 16
const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
const SALT_BYTES = 24
const COMMITMENT_BYTES = 32
const HEADER_BYTES = SALT_BYTES + COMMITMENT_BYTES
const KEY_BYTES = 32
const NONCE_BYTES = 12
const MAX_CHUNKS = 2 ** 38
/** How many chunks are gathered into one piece: large writes, and still only half a megabyte a stream in memory. */
const CHUNKS_PER_PIECE = 16

interface ObjectKeys {
  readonly key: Buffer
  readonly baseNonce: Buffer
  readonly commitment: Buffer
}

/**
 * Seals and opens streams under one key of 32 bytes; the context of an object is `scope`, NUL, and what the caller says.
 * The key is lent and not copied: once it has been wiped, reading from either throws `locked`.
 */
export function createSealer(key: Buffer, scope: string): Sealer {
  const contextOf = (context: string): Buffer => Buffer.from(`${scope}\0${context}`, 'utf8')
  return {
    seal: (context, pieces) => sealStream(key, contextOf(context), pieces),
    open: (context, pieces) => openStream(key, contextOf(context), pieces),
  }
}

/**
 * Seals a stream of any length: salt (24), commitment (32), then the chunks, the last one always short. `salt` is for
 * test vectors; it must never repeat for a key. The consumer may stop early.
 */
export async function* sealStream(
  inputKey: Uint8Array,
  context: Uint8Array,
  pieces: AsyncIterable<Uint8Array>,
  salt: Uint8Array = randomBytes(SALT_BYTES),
): AsyncGenerator<Buffer, void, undefined> {
  const keys = deriveObjectKeys(inputKey, salt, context)
  const gathered = Buffer.allocUnsafeSlow(CHUNKS_PER_PIECE * CHUNK_BYTES)
  let held = 0
  let counter = 0
  try {
    yield Buffer.concat([salt, keys.commitment])
    for await (const piece of pieces) {
      let taken = 0
      while (taken < piece.length) {
        const part = piece.subarray(taken, taken + gathered.length - held)
        gathered.set(part, held)
        held += part.length
        taken += part.length
        if (held === gathered.length) {
          yield sealChunks(keys, counter, gathered)
          counter += CHUNKS_PER_PIECE
          held = 0
        }
      }
    }
    const whole = held - (held % CHUNK_BYTES)
    const chunks = sealChunks(keys, counter, gathered.subarray(0, whole))
    const last = sealChunk(keys, counter + whole / CHUNK_BYTES, gathered.subarray(whole, held))
    yield Buffer.concat([chunks, ...last])
  } finally {
    wipe(keys.key, keys.baseNonce, gathered)
  }
}

/**
 * Opens what `sealStream` made. A chunk's bytes are yielded only after its tag has passed. Throws `corrupt` for another
 * key or context, and for anything changed, moved, cut off or added: at the latest at the end, so that what was yielded
 * before is to be trusted only when the iteration ends without an error.
 */
export async function* openStream(
  inputKey: Uint8Array,
  context: Uint8Array,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer, void, undefined> {
  const header = Buffer.alloc(HEADER_BYTES)
  const gathered = Buffer.allocUnsafeSlow(CHUNKS_PER_PIECE * SEALED_CHUNK_BYTES)
  let headerHeld = 0
  let held = 0
  let counter = 0
  let keys: ObjectKeys | null = null
  try {
    for await (const piece of pieces) {
      let taken = 0
      while (taken < piece.length) {
        if (keys === null) {
          const part = piece.subarray(taken, taken + HEADER_BYTES - headerHeld)
          header.set(part, headerHeld)
          headerHeld += part.length
          taken += part.length
          if (headerHeld === HEADER_BYTES) keys = openHeader(inputKey, context, header)
          continue
        }
        const part = piece.subarray(taken, taken + gathered.length - held)
        gathered.set(part, held)
        held += part.length
        taken += part.length
        if (held === gathered.length) {
          yield openChunks(keys, counter, gathered)
          counter += CHUNKS_PER_PIECE
          held = 0
        }
      }
    }
    const short = held % SEALED_CHUNK_BYTES
    // A full chunk is never the last one: without a short one behind it the end has been cut off.
    if (keys === null || short < TAG_BYTES) throw new SealpostError('corrupt', 'a sealed object ends too early')
    const whole = held - short
    const bytes = Buffer.concat([
      openChunks(keys, counter, gathered.subarray(0, whole)),
      openChunk(keys, counter + whole / SEALED_CHUNK_BYTES, gathered.subarray(whole, held)),
    ])
    if (bytes.length > 0) yield bytes
  } finally {
    wipe(keys?.key, keys?.baseNonce)
  }
}

function openHeader(inputKey: Uint8Array, context: Uint8Array, header: Buffer): ObjectKeys {
  const keys = deriveObjectKeys(inputKey, header.subarray(0, SALT_BYTES), context)
  if (timingSafeEqual(keys.commitment, header.subarray(SALT_BYTES))) return keys
  wipe(keys.key, keys.baseNonce)
  throw new SealpostError('corrupt', 'a sealed object does not open with this key in this place')
}

/** HKDF-Expand (RFC 5869, 2.3) with the input key as PRK: 76 bytes, so two blocks of SHA-512. */
function deriveObjectKeys(inputKey: Uint8Array, salt: Uint8Array, context: Uint8Array): ObjectKeys {
  if (inputKey.length !== KEY_BYTES) throw new SealpostError('bug', 'a sealed object needs a key of 32 bytes')
  // A wiped key would go on working, and anybody could open what it sealed.
  if (inputKey.every((byte) => byte === 0))
    throw new SealpostError('locked', 'the project is locked: its keys were wiped')
  const info = Buffer.concat([
    Buffer.from('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0', 'ascii'),
    salt,
    context,
  ])
  const first = createHmac('sha512', inputKey).update(info).update(Buffer.of(1)).digest()
  const second = createHmac('sha512', inputKey).update(first).update(info).update(Buffer.of(2)).digest()
  const material = Buffer.concat([first, second])
  wipe(first, second)
  const cut = (from: number, length: number): Buffer => Buffer.from(material.subarray(from, from + length))
  const keys = {
    key: cut(0, KEY_BYTES),
    baseNonce: cut(KEY_BYTES, NONCE_BYTES),
    commitment: cut(KEY_BYTES + NONCE_BYTES, COMMITMENT_BYTES),
  }
  wipe(material)
  return keys
}

function sealChunks(keys: ObjectKeys, firstCounter: number, bytes: Buffer): Buffer {
  const count = bytes.length / CHUNK_BYTES
  const sealed = Buffer.allocUnsafeSlow(count * SEALED_CHUNK_BYTES)
  for (let i = 0; i < count; i++) {
    const [body, tag] = sealChunk(keys, firstCounter + i, bytes.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES))
    sealed.set(body, i * SEALED_CHUNK_BYTES)
    sealed.set(tag, i * SEALED_CHUNK_BYTES + CHUNK_BYTES)
  }
  return sealed
}

function sealChunk(keys: ObjectKeys, counter: number, bytes: Buffer): [Buffer, Buffer] {
  const cipher = createCipheriv('aes-256-gcm', keys.key, nonceAt(keys.baseNonce, counter))
  const body = cipher.update(bytes)
  cipher.final()
  return [body, cipher.getAuthTag()]
}

function openChunks(keys: ObjectKeys, firstCounter: number, sealed: Buffer): Buffer {
  const count = sealed.length / SEALED_CHUNK_BYTES
  const bytes = Buffer.allocUnsafeSlow(count * CHUNK_BYTES)
  for (let i = 0; i < count; i++) {
    const chunk = sealed.subarray(i * SEALED_CHUNK_BYTES, (i + 1) * SEALED_CHUNK_BYTES)
    bytes.set(openChunk(keys, firstCounter + i, chunk), i * CHUNK_BYTES)
  }
  return bytes
}

function openChunk(keys: ObjectKeys, counter: number, sealed: Buffer): Buffer {
  const end = sealed.length - TAG_BYTES
  const nonce = nonceAt(keys.baseNonce, counter)
  const decipher = createDecipheriv('aes-256-gcm', keys.key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(sealed.subarray(end))
  const bytes = decipher.update(sealed.subarray(0, end))
  try {
    decipher.final()
  } catch {
    bytes.fill(0)
    throw new SealpostError('corrupt', `a sealed object was changed at chunk ${counter}`)
  }
  return bytes
}

/** The base nonce with the chunk's number, big-endian, laid over its end by XOR. */
export function nonceAt(baseNonce: Buffer, counter: number): Buffer {
  if (counter >= MAX_CHUNKS) throw new SealpostError('rejected', 'too large to be sealed: more than 4 PiB')
  const nonce = Buffer.from(baseNonce)
  const low = counter % 2 ** 32
  const high = Math.floor(counter / 2 ** 32)
  nonce.writeUInt32BE((baseNonce.readUInt32BE(8) ^ low) >>> 0, 8)
  nonce.writeUInt8(baseNonce.readUInt8(7) ^ high, 7)
  return nonce
}
