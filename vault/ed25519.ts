import { createPrivateKey, createPublicKey, randomBytes, sign, verify, type KeyObject } from 'node:crypto'
import { SealpostError } from '../src/core/errors.ts'
import { wipe } from './secret.ts'

/** Something that signs with one Ed25519 key (RFC 8032) without giving it out. */
export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Buffer
  /** 64 bytes. */
  sign(bytes: Uint8Array): Promise<Buffer>
}

/** What stands before the 32 bytes of a key in PKCS #8 and SPKI (RFC 8410 sections 4 and 7). */
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const KEY_BYTES = 32
const SIGNATURE_BYTES = 64

/** A new private key: 32 random bytes. The caller wipes it. */
export function generateSeed(): Buffer {
  return randomBytes(KEY_BYTES)
}

/** The public key of a private one. */
export function publicKeyOf(seed: Uint8Array): Buffer {
  const der = createPublicKey(importSeed(seed)).export({ type: 'spki', format: 'der' })
  return Buffer.from(der.subarray(PUBLIC_PREFIX.length))
}

/** Signs with a private key that the caller keeps and wipes; after that signing throws `locked`. */
export function signerOf(seed: Buffer): Signer {
  return { publicKey: publicKeyOf(seed), sign: async (bytes) => signWith(seed, bytes) }
}

/** Signs with a private key of 32 bytes. Throws `locked` when it has been wiped. */
export function signWith(seed: Uint8Array, bytes: Uint8Array): Buffer {
  return sign(null, bytes, importSeed(seed))
}

/** True when this key signed these bytes. Never throws: a key or signature of another length is false. */
export function verifySignature(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false
  try {
    const der = Buffer.concat([PUBLIC_PREFIX, publicKey])
    return verify(null, bytes, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature)
  } catch {
    return false
  }
}

function importSeed(seed: Uint8Array): KeyObject {
  if (seed.length !== KEY_BYTES) throw new SealpostError('bug', 'an Ed25519 private key has 32 bytes')
  if (seed.every((byte) => byte === 0)) throw new SealpostError('locked', 'the signing key has been wiped')
  const der = Buffer.concat([PRIVATE_PREFIX, seed])
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  } finally {
    wipe(der)
  }
}
