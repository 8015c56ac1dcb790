import {
  createCipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  constants,
  diffieHellman,
  hkdfSync,
  publicEncrypt,
  randomBytes,
  type KeyObject,
} from 'node:crypto'
import { Stanza, type Recipient } from 'age-encryption'
import { SealpostError } from '../src/core/errors.ts'

const ED25519_LABEL = 'age-encryption.org/v1/ssh-ed25519'
const RSA_LABEL = 'age-encryption.org/v1/ssh-rsa'
/** What age itself refuses: the wrapped key would be the weak part. */
const MIN_RSA_BITS = 2048
/** 2^255 - 19 (RFC 7748 section 4.1). */
const P = 2n ** 255n - 19n

/**
 * An SSH public key, one line as in a `.pub` file, as a recipient (the stanzas `ssh-ed25519` and `ssh-rsa` of the age
 * program). Throws `config` for any other kind of key and for a damaged one.
 */
export function parseSshRecipient(line: string): Recipient {
  const [type = '', base64 = ''] = line.trim().split(/\s+/)
  const blob = Buffer.from(base64, 'base64')
  const fields = readFields(blob)
  if (blob.toString('base64') !== base64 || fields?.[0]?.toString('latin1') !== type) throw notAKey()
  const tag = withoutPadding(createHash('sha256').update(blob).digest().subarray(0, 4))
  const [, first, second] = fields
  if (type === 'ssh-ed25519' && fields.length === 2 && first?.length === 32) {
    const share = toMontgomery(first)
    return { wrapFileKey: (fileKey) => [wrapForEd25519(fileKey, tag, blob, share)] }
  }
  if (type === 'ssh-rsa' && fields.length === 3 && first !== undefined && second !== undefined) {
    const key = rsaKey(first, second)
    return { wrapFileKey: (fileKey) => [wrapForRsa(fileKey, tag, key)] }
  }
  throw notAKey()
}

/** The strings of a blob (RFC 4251 section 5), or null when it does not end with one. */
function readFields(blob: Buffer): Buffer[] | null {
  const fields: Buffer[] = []
  for (let at = 0; at < blob.length;) {
    if (at + 4 > blob.length) return null
    const end = at + 4 + blob.readUInt32BE(at)
    if (end > blob.length) return null
    fields.push(blob.subarray(at + 4, end))
    at = end
  }
  return fields
}

/** As X25519, after both shares were tweaked with a value that only this SSH key has. */
function wrapForEd25519(fileKey: Uint8Array, tag: string, blob: Buffer, share: Buffer): Stanza {
  const secret = randomBytes(32)
  const ephemeral = publicOf(secret)
  const tweak = Buffer.from(hkdfSync('sha256', new Uint8Array(0), blob, ED25519_LABEL, 32))
  const shared = multiply(tweak, multiply(secret, share))
  const wrapKey = Buffer.from(hkdfSync('sha256', shared, Buffer.concat([ephemeral, share]), ED25519_LABEL, 32))
  const cipher = createCipheriv('chacha20-poly1305', wrapKey, Buffer.alloc(12), { authTagLength: 16 })
  const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()])
  for (const each of [secret, shared, wrapKey]) each.fill(0)
  return new Stanza(['ssh-ed25519', tag, withoutPadding(ephemeral)], body)
}

function wrapForRsa(fileKey: Uint8Array, tag: string, key: KeyObject): Stanza {
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  const options = { key, padding, oaepHash: 'sha256', oaepLabel: Buffer.from(RSA_LABEL) }
  return new Stanza(['ssh-rsa', tag], publicEncrypt(options, fileKey))
}

function rsaKey(exponent: Buffer, modulus: Buffer): KeyObject {
  const number = (bytes: Buffer): string => bytes.subarray(bytes[0] === 0 ? 1 : 0).toString('base64url')
  let key: KeyObject
  try {
    key = createPublicKey({ key: { kty: 'RSA', e: number(exponent), n: number(modulus) }, format: 'jwk' })
  } catch {
    throw notAKey()
  }
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS) {
    throw new SealpostError('config', `the SSH key is too short: RSA keys have ${MIN_RSA_BITS} bits at least`)
  }
  return key
}

/** An Ed25519 public key as a point of Curve25519: u = (1 + y) / (1 - y) (RFC 7748 section 4.1). */
function toMontgomery(point: Buffer): Buffer {
  const bytes = Buffer.from(point).reverse()
  // The top bit is the sign of x, which does not matter here.
  bytes.writeUInt8(bytes.readUInt8(0) & 0x7f, 0)
  const y = BigInt(`0x${bytes.toString('hex')}`)
  if (y >= P || y === 1n) throw notAKey()
  const u = ((1n + y) * power((1n - y + P) % P, P - 2n)) % P
  return Buffer.from(u.toString(16).padStart(64, '0'), 'hex').reverse()
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  let factor = base
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = (result * factor) % P
    factor = (factor * factor) % P
  }
  return result
}

function multiply(scalar: Uint8Array, point: Uint8Array): Buffer {
  const jwk = { kty: 'OKP', crv: 'X25519', x: Buffer.from(point).toString('base64url') }
  return diffieHellman({
    privateKey: privateOf(scalar),
    publicKey: createPublicKey({ key: jwk, format: 'jwk' }),
  })
}

function publicOf(scalar: Uint8Array): Buffer {
  const { x } = createPublicKey(privateOf(scalar)).export({ format: 'jwk' })
  return Buffer.from(x ?? '', 'base64url')
}

/** PKCS #8 around the raw scalar (RFC 8410 section 7). */
function privateOf(scalar: Uint8Array): KeyObject {
  const prefix = Buffer.from('302e020100300506032b656e04220420', 'hex')
  return createPrivateKey({ key: Buffer.concat([prefix, scalar]), format: 'der', type: 'pkcs8' })
}

function withoutPadding(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '')
}

function notAKey(): SealpostError {
  return new SealpostError('config', 'that is not an SSH key that age can seal to', {
    hint: 'ssh-ed25519 and ssh-rsa can be had, as one line of a .pub file',
  })
}
