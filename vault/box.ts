import { createHash, timingSafeEqual } from 'node:crypto'
import { SealpostError } from '../src/core/errors.ts'
import { encodeLabels } from './aes.ts'
import { wipe } from './secret.ts'

/** An X25519 key pair for sealed boxes, 32 bytes each. */
export interface BoxKeys {
  readonly publicKey: Buffer
  readonly privateKey: Buffer
}

const LABEL_BYTES = 32

/** Imported when it is first used: making it ready takes longer than most commands. */
async function loadSodium() {
  const { default: sodium } = await import('libsodium-wrappers-sumo')
  await sodium.ready
  return sodium
}

type Sodium = Awaited<ReturnType<typeof loadSodium>>

/** A new key pair; the caller wipes the private half. */
export async function generateBoxKeys(): Promise<BoxKeys> {
  const sodium = await loadSodium()
  const pair = sodium.crypto_box_keypair()
  return { publicKey: Buffer.from(pair.publicKey), privateKey: takeOver(pair.privateKey) }
}

/** The public half of a private key. */
export async function boxPublicKeyOf(privateKey: Uint8Array): Promise<Buffer> {
  const sodium = await loadSodium()
  return Buffer.from(sodium.crypto_scalarmult_base(privateKey))
}

/**
 * Seals bytes to a public key (libsodium crypto_box_seal). What is sealed is SHA-256 of the labels (32), then the bytes:
 * a sealed box has no associated data, and without the labels one could be put in the place of another.
 */
export async function sealToKey(
  publicKey: Uint8Array,
  labels: readonly string[],
  bytes: Uint8Array,
): Promise<Buffer> {
  const sodium = await loadSodium()
  const message = Buffer.concat([digestLabels(labels), bytes])
  try {
    return Buffer.from(sodium.crypto_box_seal(message, publicKey))
  } finally {
    wipe(message)
  }
}

/** Opens what `sealToKey` made; the caller wipes the result. Throws `corrupt` for another key, other labels or any change. */
export async function openSealedBox(
  keys: BoxKeys,
  labels: readonly string[],
  sealed: Uint8Array,
): Promise<Buffer> {
  const message = openBox(await loadSodium(), keys, sealed)
  try {
    if (message !== null && message.length >= LABEL_BYTES) {
      if (timingSafeEqual(message.subarray(0, LABEL_BYTES), digestLabels(labels))) {
        const bytes = Buffer.allocUnsafeSlow(message.length - LABEL_BYTES)
        bytes.set(message.subarray(LABEL_BYTES))
        return bytes
      }
    }
  } finally {
    wipe(message)
  }
  throw new SealpostError('corrupt', `the sealed ${labels[0] ?? 'key'} was changed or is not for this operator`)
}

function openBox(sodium: Sodium, keys: BoxKeys, sealed: Uint8Array): Buffer | null {
  try {
    return takeOver(sodium.crypto_box_seal_open(sealed, keys.publicKey, keys.privateKey))
  } catch {
    return null
  }
}

function digestLabels(labels: readonly string[]): Buffer {
  return createHash('sha256')
    .update(encodeLabels(['sealpost/v1/box', ...labels]))
    .digest()
}

/** Copies what libsodium returned out of its pool of memory and wipes the original. */
function takeOver(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  bytes.fill(0)
  return copy
}
