import { SealpostError } from '../src/core/errors.ts'
import { encodeLabels } from './aes.ts'
import { verifySignature, type Signer } from './ed25519.ts'
import { readBytes, readText, type Fields } from './fields.ts'

/** Exact text with an Ed25519 signature over it. Kept as a string inside JSON, so that no byte of it can shift. */
export interface SignedText {
  readonly text: string
  readonly signer: string
  readonly signature: Buffer
}

/** Members of a signed text in JSON. */
export const SIGNED_MEMBERS = ['text', 'signer', 'signature'] as const

/** Signs text as `purpose`: a signature for one purpose is good for no other. */
export async function signText(name: string, signer: Signer, purpose: string, text: string): Promise<SignedText> {
  return { text, signer: name, signature: await signer.sign(encodeLabels([purpose, text])) }
}

/** Throws `corrupt` unless this key signed the text for this purpose; `what` names it. */
export function verifyText(signed: SignedText, publicKey: Uint8Array, purpose: string, what: string): void {
  if (verifySignature(publicKey, encodeLabels([purpose, signed.text]), signed.signature)) return
  throw new SealpostError('corrupt', `${what} was changed: its signature does not match`)
}

/** Reads a signed text out of JSON; nothing is verified yet. */
export function readSignedText(fields: Fields): SignedText {
  return {
    text: readText(fields, 'text'),
    signer: readText(fields, 'signer'),
    signature: readBytes(fields, 'signature', 64),
  }
}

/** What `readSignedText` reads. */
export function writeSignedText(signed: SignedText): Record<(typeof SIGNED_MEMBERS)[number], string> {
  return { text: signed.text, signer: signed.signer, signature: signed.signature.toString('base64') }
}
