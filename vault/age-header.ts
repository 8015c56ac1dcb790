import { Decrypter, Encrypter } from 'age-encryption'
import { SealpostError } from '../src/core/errors.ts'
import { parseSshRecipient } from './age-ssh.ts'
import type { Secret } from './secret.ts'

/** A header longer than this is nobody's: a stanza takes about 100 bytes. */
export const MAX_HEADER_BYTES = 64 * 1024
const MAC_LINE = Buffer.from('\n--- ')
/** `--- `, 43 characters and a line feed; a little more, so that the library says what is wrong with it. */
const MAX_MAC_LINE_BYTES = 128
const PASSPHRASE_STANZA = Buffer.from('\n-> scrypt ')
const MAGIC = Buffer.from('age-encryption.org/')
const LF = 0x0a

/** A new file key, and the header that hands it to the recipients. */
export interface NewHeader {
  readonly header: Buffer
  /** 16 bytes, good for one payload; the caller wipes them. */
  readonly fileKey: Buffer
}

/**
 * Makes a file key and wraps it for age recipients (`age1…`) and SSH public keys (`ssh-ed25519 …`, `ssh-rsa …`). Throws
 * `config` when there are none or one is not a public key; a passphrase is never a recipient.
 */
export async function makeHeader(recipients: readonly string[]): Promise<NewHeader> {
  const encrypter = encrypterFor(recipients)
  const fileKey = Buffer.allocUnsafeSlow(16)
  let lent: Uint8Array = fileKey
  // The library makes the key and shows it to each recipient. One that writes no stanza sees it for us.
  encrypter.addRecipient({
    wrapFileKey: (key) => {
      fileKey.set(key)
      lent = key
      return []
    },
  })
  // The payload of this file, an empty one, is thrown away: its key is used for ours alone.
  const file = Buffer.from(await encrypter.encrypt(new Uint8Array(0)))
  lent.fill(0)
  const end = headerEnd(file)
  if (end === null) throw new SealpostError('bug', 'the age library made no header')
  return { header: Buffer.from(file.subarray(0, end)), fileKey }
}

/** Throws `config` when there is no recipient, or one that `makeHeader` would not take. */
export function checkRecipients(recipients: readonly string[]): void {
  encrypterFor(recipients)
}

/**
 * Where the header ends, or null while more bytes are needed. Refuses passphrases (`policy`) before any guess is made, and
 * throws `corrupt` for what is no age file and for a header without end.
 */
export function headerEnd(start: Buffer): number | null {
  const shared = Math.min(start.length, MAGIC.length)
  if (!start.subarray(0, shared).equals(MAGIC.subarray(0, shared))) {
    throw new SealpostError('corrupt', 'that is not an age file')
  }
  const mac = start.indexOf(MAC_LINE)
  const known = mac === -1 ? start : start.subarray(0, mac)
  if (known.includes(PASSPHRASE_STANZA)) {
    throw new SealpostError('policy', 'the age file is sealed with a passphrase; only public keys are accepted')
  }
  if (known.length > MAX_HEADER_BYTES) throw new SealpostError('corrupt', 'the age file has an endless header')
  if (mac === -1) return null
  const end = start.indexOf(LF, mac + 1)
  if (end !== -1) return end + 1
  if (start.length - mac > MAX_MAC_LINE_BYTES)
    throw new SealpostError('corrupt', 'the header of the age file is damaged')
  return null
}

/**
 * The file key out of a whole header; the caller wipes it. Throws `locked` when it is not sealed to this identity,
 * `corrupt` for a changed header, `config` for what is no identity.
 */
export async function openHeader(identity: Secret, header: Uint8Array): Promise<Uint8Array> {
  const decrypter = decrypterFor(identity)
  try {
    return await decrypter.decryptHeader(header)
  } catch (error) {
    if (error instanceof Error && /no identity matched/.test(error.message)) {
      throw new SealpostError('locked', 'the age file is not sealed to this key')
    }
    throw new SealpostError('corrupt', 'the header of the age file was changed or is damaged', { cause: error })
  }
}

/** Throws `config` for what is no identity. */
export function checkIdentity(identity: Secret): void {
  decrypterFor(identity)
}

function decrypterFor(identity: Secret): Decrypter {
  const decrypter = new Decrypter()
  try {
    decrypter.addIdentity(identity.text())
  } catch {
    throw new SealpostError('config', 'that is not an age identity', {
      hint: 'an identity begins with AGE-SECRET-KEY-1; age-keygen makes one',
    })
  }
  return decrypter
}

function encrypterFor(recipients: readonly string[]): Encrypter {
  if (recipients.length === 0) throw new SealpostError('config', 'there is no recipient to seal to')
  const encrypter = new Encrypter()
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient.startsWith('ssh-') ? parseSshRecipient(recipient) : recipient)
    } catch (error) {
      if (error instanceof SealpostError) throw error
      // Somebody may have given the private key instead: only what begins as a public one is shown.
      const shown = recipient.startsWith('age1') ? `"${recipient.slice(0, 80)}"` : 'that'
      throw new SealpostError('config', `${shown} is not an age recipient`, {
        hint: 'recipients are public keys that begin with age1, ssh-ed25519 or ssh-rsa',
      })
    }
  }
  return encrypter
}
