import { Decrypter, Encrypter } from 'age-encryption'
import { SealpostError } from '../src/core/errors.ts'
import type { RecipientSealer } from '../src/core/ports.ts'
import { removeArmor } from './age-armor.ts'
import type { Secret } from './secret.ts'

/** A header longer than this is nobody's: a stanza takes about 100 bytes. */
const MAX_HEADER_BYTES = 64 * 1024
const HEADER_END = Buffer.from('\n--- ')
const PASSPHRASE_STANZA = Buffer.from('\n-> scrypt ')

/**
 * Seals to age recipients (`age1…`), in the binary form that every age tool opens (c2sp.org/age). Throws `config` when
 * there are none or one is not a public key; a passphrase is never a recipient.
 */
export function createRecipientSealer(recipients: readonly string[]): RecipientSealer {
  if (recipients.length === 0) throw new SealpostError('config', 'there is no recipient to seal to')
  for (const recipient of recipients) addRecipient(new Encrypter(), recipient)
  return {
    seal: (pieces) => sealToRecipients(recipients, pieces),
  }
}

/**
 * Opens an age file, binary or armored, with an identity (`AGE-SECRET-KEY-1…`). Yields only authenticated bytes, which
 * are all of them only when the iteration ends without an error. Throws `policy` for a file sealed with a passphrase,
 * `locked` for one that is not sealed to this identity, `corrupt` for anything changed or cut off.
 */
export async function* openAge(
  identity: Secret,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decrypter = new Decrypter()
  try {
    decrypter.addIdentity(identity.text())
  } catch {
    throw new SealpostError('config', 'that is not an age identity')
  }
  const binary = guardHeader(removeArmor(pieces))
  try {
    yield* await decrypter.decrypt(ReadableStream.from(binary))
  } catch (error) {
    throw openingError(error)
  } finally {
    // The library leaves its source open when the header is refused.
    void binary.return().catch(() => undefined)
  }
}

async function* sealToRecipients(
  recipients: readonly string[],
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const encrypter = new Encrypter()
  for (const recipient of recipients) addRecipient(encrypter, recipient)
  yield* await encrypter.encrypt(ReadableStream.from(pieces))
}

function addRecipient(encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient)
  } catch {
    // Somebody may have given the private key instead: only what begins as a public one is shown.
    const shown = recipient.startsWith('age1') ? `"${recipient.slice(0, 80)}"` : 'that'
    throw new SealpostError('config', `${shown} is not an age recipient`, {
      hint: 'recipients are public keys that begin with age1',
    })
  }
}

/** Bounds the header, which the library would gather without end, and refuses passphrases before any guess is made. */
async function* guardHeader(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let header: Buffer | null = Buffer.alloc(0)
  for await (const piece of pieces) {
    if (header !== null) {
      header = Buffer.concat([header, piece])
      const end = header.indexOf(HEADER_END)
      const known = end === -1 ? header : header.subarray(0, end)
      if (known.includes(PASSPHRASE_STANZA)) {
        throw new SealpostError(
          'policy',
          'the age file is sealed with a passphrase; only public keys are accepted',
        )
      }
      if (known.length > MAX_HEADER_BYTES) throw new SealpostError('corrupt', 'the age file has an endless header')
      if (end === -1) continue
      yield header
      header = null
    } else {
      yield piece
    }
  }
  if (header !== null && header.length > 0) yield header
}

function openingError(error: unknown): Error {
  if (error instanceof SealpostError) return error
  const message = error instanceof Error ? error.message : ''
  if (/no identity matched/.test(message)) {
    return new SealpostError('locked', 'the age file is not sealed to this key')
  }
  return new SealpostError('corrupt', 'the age file was changed, cut off, or is none', { cause: error })
}
