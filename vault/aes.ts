import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { SealpostError } from '../src/core/errors.ts'

const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Seals a few bytes with AES-256-GCM under a random nonce: nonce (12) || ciphertext || tag (16). `labels` are the
 * associated data: what was sealed under others does not open. Safe for 2^32 calls a key (NIST SP 800-38D, 8.3).
 */
export function sealBytes(key: Uint8Array, labels: readonly string[], bytes: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(encodeLabels(labels))
  return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
}

/** Opens what `sealBytes` made. Throws `corrupt` when key, labels or any byte differ; `what` names it. */
export function openBytes(key: Uint8Array, labels: readonly string[], sealed: Uint8Array, what: string): Buffer {
  const end = sealed.length - TAG_BYTES
  if (end < NONCE_BYTES) throw new SealpostError('corrupt', `${what} is too short`)
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(encodeLabels(labels))
  decipher.setAuthTag(sealed.subarray(end))
  // GCM is a stream mode: `update` gives everything and `final` only checks. Nothing leaves before it has.
  const bytes = decipher.update(sealed.subarray(NONCE_BYTES, end))
  try {
    decipher.final()
  } catch {
    bytes.fill(0)
    throw new SealpostError('corrupt', `${what} was changed or does not belong here`)
  }
  return bytes
}

/** Derives `length` bytes with HKDF-SHA-512 (RFC 5869); the labels are its info. The caller wipes the result. */
export function deriveKey(
  secret: Uint8Array,
  salt: Uint8Array,
  labels: readonly string[],
  length: number,
): Buffer {
  return Buffer.from(hkdfSync('sha512', secret, salt, encodeLabels(labels), length))
}

/** SHA-256 of a key under a label of its own: names the key, and says nothing about it as long as it is random. */
export function commitTo(key: Uint8Array, labels: readonly string[]): string {
  return createHash('sha256')
    .update(encodeLabels(['sealpost/v1/commitment', ...labels]))
    .update(key)
    .digest('hex')
}

/** Each label as its length in UTF-8 bytes (4, big-endian) and its bytes, so that no two lists encode alike. */
export function encodeLabels(labels: readonly string[]): Buffer {
  return Buffer.concat(
    labels.map((label) => {
      const bytes = Buffer.from(label, 'utf8')
      const length = Buffer.alloc(4)
      length.writeUInt32BE(bytes.length)
      return Buffer.concat([length, bytes])
    }),
  )
}
