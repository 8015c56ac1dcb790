import { createHash, createPublicKey, verify } from 'node:crypto'
import type { NoteSigner } from '../core/audit.ts'
import { SealpostError } from '../core/errors.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'

/** One signature line of a note. */
export interface NoteSignature {
  readonly name: string
  readonly keyId: number
  readonly signature: Uint8Array
}

/** A note taken apart; nothing in it may be believed before `verifyNote`. */
export interface Note {
  /** Ends in a newline. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

/** A verifier key taken apart. */
export interface VerifierKey {
  readonly name: string
  readonly keyId: number
  /** 32 bytes of Ed25519. */
  readonly publicKey: Uint8Array
}

/** Ed25519 is the one signature type that is made or believed here. */
const ED25519 = 0x01
const KEY_BYTES = 32
const KEY_ID_BYTES = 4
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const DASH = '—'

/** Code of the error for a note that only others signed. */
export const UNKNOWN_KEY = 'UNKNOWN_KEY'

const MAX_SIGNATURES = 64
/** Up to 64 signatures, and post-quantum ones have up to 5 kB each. */
const MAX_NOTE_LENGTH = 1024 * 1024
// eslint-disable-next-line no-control-regex -- the format forbids exactly these
const CONTROLS = /[\u0000-\u0009\u000b-\u001f]/
const BAD_NAME = /[\p{White_Space}+]/u

/** Key id of an Ed25519 key: the first four bytes of SHA-256(name, newline, 0x01, public key) as a number. */
export function keyIdOf(name: string, publicKey: Uint8Array): number {
  return createHash('sha256')
    .update(`${name}\n`)
    .update(Buffer.from([ED25519]))
    .update(publicKey)
    .digest()
    .readUInt32BE(0)
}

/** The verifier key (vkey) that goes with a signer. Throws `config` for a name that cannot stand in one. */
export function formatVerifierKey(name: string, publicKey: Uint8Array): string {
  assertKeyName(name)
  if (publicKey.length !== KEY_BYTES) throw new SealpostError('bug', 'an Ed25519 public key has 32 bytes')
  const id = keyIdOf(name, publicKey).toString(16).padStart(8, '0')
  return `${name}+${id}+${encodeBase64(Buffer.concat([Buffer.from([ED25519]), publicKey]))}`
}

/** Takes a vkey apart. Throws `config` when it is malformed, of another algorithm, or its id is not that of its key. */
export function parseVerifierKey(text: string): VerifierKey {
  const [name = '', id = '', material = '', ...rest] = splitKey(text)
  const bytes = decodeBase64(material, 1 + KEY_BYTES)
  const valid = isKeyName(name) && /^[0-9a-f]{8}$/.test(id) && rest.length === 0
  if (!valid || bytes?.[0] !== ED25519) throw new SealpostError('config', 'this is not an Ed25519 verifier key')
  const publicKey = bytes.subarray(1)
  const keyId = Number.parseInt(id, 16)
  if (keyIdOf(name, publicKey) !== keyId)
    throw new SealpostError('config', 'the verifier key does not fit its own id')
  return { name, keyId, publicKey }
}

/** Signs a text, which must end in a newline and hold no other control character. Throws `bug` when it does not. */
export async function signNote(text: string, signers: readonly NoteSigner[]): Promise<string> {
  if (!isNoteText(text)) throw new SealpostError('bug', 'this text cannot be signed as a note')
  let note = `${text}\n`
  for (const signer of signers) {
    assertKeyName(signer.name)
    const id = Buffer.alloc(KEY_ID_BYTES)
    id.writeUInt32BE(keyIdOf(signer.name, signer.publicKey))
    const signature = await signer.sign(Buffer.from(text, 'utf8'))
    note += `${DASH} ${signer.name} ${encodeBase64(Buffer.concat([id, signature]))}\n`
  }
  return note
}

/** Takes a note apart. Throws `corrupt` when it is not one. */
export function parseNote(note: string): Note {
  const fail = (why: string): never => {
    throw new SealpostError('corrupt', `not a signed note: ${why}`)
  }
  if (note.length > MAX_NOTE_LENGTH) fail('too long')
  const split = note.lastIndexOf('\n\n')
  if (split === -1 || !note.endsWith('\n')) fail('it has no signatures')
  const text = note.slice(0, split + 1)
  if (!isNoteText(text)) fail('it holds characters that none may hold')
  const lines = note.slice(split + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) fail('it has too many signatures')
  const signatures = lines.map((line) => parseSignature(line) ?? fail('a signature line is malformed'))
  return { text, signatures }
}

/**
 * Checks a note against keys that are trusted. Signatures of others are passed over; returns the keys that signed, at
 * least one. Throws `corrupt` when a trusted key's signature is wrong or no trusted key signed.
 */
export function verifyNote(note: Note, keys: readonly VerifierKey[]): readonly VerifierKey[] {
  const signedBy = new Set<VerifierKey>()
  for (const { name, keyId, signature } of note.signatures) {
    const key = keys.find((known) => known.name === name && known.keyId === keyId)
    if (key === undefined) continue
    if (!verifyEd25519(key.publicKey, Buffer.from(note.text, 'utf8'), signature)) {
      throw new SealpostError('corrupt', `the signature of ${name} is wrong`)
    }
    signedBy.add(key)
  }
  if (signedBy.size === 0) {
    throw new SealpostError('corrupt', 'no trusted key signed this', { code: UNKNOWN_KEY })
  }
  return [...signedBy]
}

function parseSignature(line: string): NoteSignature | null {
  const [dash, name = '', encoded = '', ...rest] = line.split(' ')
  const bytes = decodeBase64(encoded)
  if (dash !== DASH || rest.length > 0 || !isKeyName(name) || bytes === null || bytes.length <= KEY_ID_BYTES) {
    return null
  }
  return { name, keyId: bytes.readUInt32BE(0), signature: bytes.subarray(KEY_ID_BYTES) }
}

/** The base64 part may itself hold `+`. */
function splitKey(text: string): string[] {
  const [name = '', id = '', ...material] = text.split('+')
  return [name, id, material.join('+')]
}

function isNoteText(text: string): boolean {
  return text.endsWith('\n') && !CONTROLS.test(text) && text.isWellFormed()
}

function isKeyName(name: string): boolean {
  return name !== '' && name.isWellFormed() && !CONTROLS.test(name) && !BAD_NAME.test(name)
}

function assertKeyName(name: string): void {
  if (!isKeyName(name)) throw new SealpostError('config', 'the name of a signing key holds no blank and no "+"')
}

function verifyEd25519(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== KEY_BYTES || signature.length !== 64) return false
  try {
    const der = Buffer.concat([SPKI_PREFIX, publicKey])
    return verify(null, bytes, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature)
  } catch {
    return false
  }
}
