import { SealpostError } from '../src/core/errors.ts'
import { Secret } from './secret.ts'

/** An age identity (`AGE-SECRET-KEY-1…`) and the recipient (`age1…`) that belongs to it. */
export interface AgeKeys {
  readonly identity: Secret
  readonly recipient: string
}

/** A new X25519 key pair. The library hands the identity over as a string, which is a stated residual. */
export async function generateAgeKeys(): Promise<AgeKeys> {
  const { generateX25519Identity, identityToRecipient } = await import('age-encryption')
  const identity = await generateX25519Identity()
  return {
    identity: Secret.fromBytes(Buffer.from(identity, 'utf8')),
    recipient: await identityToRecipient(identity),
  }
}

/** The recipient of an identity. Throws `config` when it is none; its text never stands in the error. */
export async function ageRecipientOf(identity: Secret): Promise<string> {
  const { identityToRecipient } = await import('age-encryption')
  try {
    return await identityToRecipient(identity.text())
  } catch {
    throw new SealpostError('config', 'that is not an age identity')
  }
}
