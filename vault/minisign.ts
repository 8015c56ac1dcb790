import { createHash } from 'node:crypto'
import { SealpostError } from '../src/core/errors.ts'
import { verifySignature, type Signer } from './ed25519.ts'

const KEY_TYPE = Buffer.from('Ed', 'ascii')
/** Prehashed: the signature is over BLAKE2b-512 of the file. */
const SIGNATURE_TYPE = Buffer.from('ED', 'ascii')
const KEY_ID_BYTES = 8
const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const UNTRUSTED = 'untrusted comment: '
const TRUSTED = 'trusted comment: '

/** The key as `minisign -P` takes it, in base64. Its id is the start of the SHA-256 of the key, so that it never varies. */
export function minisignKey(publicKey: Uint8Array): string {
  return Buffer.concat([KEY_TYPE, keyIdOf(publicKey), publicKey]).toString('base64')
}

/** A `minisign.pub` file. */
export function minisignKeyFile(publicKey: Uint8Array): string {
  const id = Buffer.from(keyIdOf(publicKey)).reverse().toString('hex').toUpperCase()
  return `${UNTRUSTED}minisign public key ${id}\n${minisignKey(publicKey)}\n`
}

/** Signs exact bytes and gives the text of a `.minisig` file. The trusted comment is signed as well; one line. */
export async function signMinisign(signer: Signer, bytes: Uint8Array, trustedComment: string): Promise<string> {
  if (/[\r\n]/.test(trustedComment)) throw new SealpostError('bug', 'a trusted comment is one line')
  const signature = await signer.sign(prehash(bytes))
  const overall = await signer.sign(Buffer.concat([signature, Buffer.from(trustedComment, 'utf8')]))
  const line = Buffer.concat([SIGNATURE_TYPE, keyIdOf(signer.publicKey), signature]).toString('base64')
  return `${UNTRUSTED}signature of a Sealpost document\n${line}\n${TRUSTED}${trustedComment}\n${overall.toString('base64')}\n`
}

/** The trusted comment when this key signed these bytes and the comment; null for anything else, malformed text too. */
export function verifyMinisign(publicKey: Uint8Array, bytes: Uint8Array, signatureFile: string): string | null {
  const lines = signatureFile.replaceAll('\r\n', '\n').split('\n')
  const [untrusted, first, trusted, second, ...rest] = lines
  if (untrusted?.startsWith(UNTRUSTED) !== true || trusted?.startsWith(TRUSTED) !== true) return null
  if (rest.join('') !== '') return null
  const blob = readBase64(first, SIGNATURE_TYPE.length + KEY_ID_BYTES + SIGNATURE_BYTES)
  const overall = readBase64(second, SIGNATURE_BYTES)
  if (blob === null || overall === null || publicKey.length !== KEY_BYTES) return null
  const head = Buffer.concat([SIGNATURE_TYPE, keyIdOf(publicKey)])
  if (!blob.subarray(0, head.length).equals(head)) return null
  const signature = blob.subarray(head.length)
  const comment = trusted.slice(TRUSTED.length)
  if (!verifySignature(publicKey, prehash(bytes), signature)) return null
  if (!verifySignature(publicKey, Buffer.concat([signature, Buffer.from(comment, 'utf8')]), overall)) return null
  return comment
}

function prehash(bytes: Uint8Array): Buffer {
  return createHash('blake2b512').update(bytes).digest()
}

function keyIdOf(publicKey: Uint8Array): Buffer {
  return createHash('sha256').update(publicKey).digest().subarray(0, KEY_ID_BYTES)
}

function readBase64(text: string | undefined, length: number): Buffer | null {
  if (text === undefined) return null
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === length && bytes.toString('base64') === text ? bytes : null
}
