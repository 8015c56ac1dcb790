import { randomBytes, timingSafeEqual } from 'node:crypto'
import { SealpostError } from '../src/core/errors.ts'
import { openBytes, sealBytes } from './aes.ts'
import type { BoxKeys } from './box.ts'
import { publicKeyOf } from './ed25519.ts'
import { parseFields, readBoolean, readBytes, readObject, readText, requireFormat } from './fields.ts'
import {
  KDF_MEMBERS,
  kdfParametersOf,
  readKdfParameters,
  type KdfParameters,
  type KdfProfile,
} from './kdf-profile.ts'
import { derivePassphraseKeys, KDF_SALT_BYTES } from './kdf.ts'
import { wipe, type Secret } from './secret.ts'

/** What an operator's key file holds once it is open. The caller wipes `boxKeys.privateKey` and `seed`. */
export interface OperatorKeys {
  readonly name: string
  readonly boxKeys: BoxKeys
  /** The Ed25519 private key. */
  readonly seed: Buffer
  /** `fingerprintLead` of the first lead's signing key. */
  readonly firstLead: Buffer
}

interface Header {
  readonly name: string
  readonly kdf: KdfParameters
  readonly salt: Buffer
  readonly check: Buffer
  readonly keyFile: boolean
  readonly boxKey: Buffer
  readonly signKey: Buffer
}

const FORMAT = 'sealpost-operator-key'
const PURPOSE = 'sealpost/v1/operator-key-file'
const MEMBERS = ['format', 'version', 'header', 'sealed']
const HEADER_MEMBERS = ['name', 'kdf', 'salt', 'check', 'keyFile', 'boxKey', 'signKey']
const KEY_BYTES = 32

/** The code of the error for a wrong passphrase, or a wrong key file: which of both is not told, and not known. */
export const WRONG_FACTORS = 'WRONG_FACTORS'

/** Whether `name`'s key file, the text of which this is, needs a key file on removable media besides. Throws `corrupt`. */
export function needsKeyFile(name: string, text: string): boolean {
  const what = `the key file of operator ${name}`
  const fields = parseFields(text, what, MEMBERS)
  requireFormat(fields, FORMAT, 1)
  return parseHeader(readText(fields, 'header'), what).keyFile
}

/**
 * The text of a key file: a header in the clear, and the private part sealed under the passphrase (and the key file) with
 * the header's exact bytes as associated data. The role is not in it: the signed list alone says what it is.
 */
export async function sealOperatorKeys(
  keys: OperatorKeys,
  passphrase: Secret,
  keyFile: Buffer | null,
  profile: KdfProfile,
): Promise<string> {
  const kdf = kdfParametersOf(profile)
  const salt = randomBytes(KDF_SALT_BYTES)
  const derived = await derivePassphraseKeys(passphrase, keyFile, salt, kdf)
  const header = JSON.stringify({
    name: keys.name,
    kdf,
    salt: salt.toString('base64'),
    check: derived.check.toString('base64'),
    keyFile: keyFile !== null,
    boxKey: keys.boxKeys.publicKey.toString('base64'),
    signKey: publicKeyOf(keys.seed).toString('base64'),
  })
  const secret = Buffer.concat([keys.boxKeys.privateKey, keys.seed, keys.firstLead])
  try {
    const sealed = sealBytes(derived.key, [PURPOSE, header], secret).toString('base64')
    return `${JSON.stringify({ format: FORMAT, version: 1, header, sealed })}\n`
  } finally {
    wipe(secret, derived.key, derived.check)
  }
}

/**
 * Opens the text of `name`'s key file. Throws `locked` for a wrong passphrase or key file, `config` when a key file is
 * needed and not given or the reverse, `corrupt` when the file was changed.
 */
export async function openOperatorKeys(
  name: string,
  text: string,
  passphrase: Secret,
  keyFile: Buffer | null,
): Promise<OperatorKeys> {
  const what = `the key file of operator ${name}`
  const fields = parseFields(text, what, MEMBERS)
  requireFormat(fields, FORMAT, 1)
  const headerText = readText(fields, 'header')
  const header = parseHeader(headerText, what)
  if (header.name !== name) throw new SealpostError('corrupt', `${what} belongs to another operator`)
  assertKeyFileFits(header, keyFile)
  const derived = await derivePassphraseKeys(passphrase, keyFile, header.salt, header.kdf)
  let secret: Buffer | null = null
  try {
    if (!timingSafeEqual(derived.check, header.check)) {
      const factors = keyFile === null ? 'passphrase' : 'passphrase or key file'
      throw new SealpostError('locked', `wrong ${factors} for operator ${name}`, { code: WRONG_FACTORS })
    }
    secret = openBytes(derived.key, [PURPOSE, headerText], readBytes(fields, 'sealed', null), what)
    if (secret.length !== 3 * KEY_BYTES) throw new SealpostError('corrupt', `${what} has an unknown layout`)
    return {
      name,
      boxKeys: { publicKey: header.boxKey, privateKey: copyOf(secret, 0) },
      seed: copyOf(secret, KEY_BYTES),
      firstLead: copyOf(secret, 2 * KEY_BYTES),
    }
  } finally {
    wipe(secret, derived.key, derived.check)
  }
}

function parseHeader(text: string, what: string): Header {
  const fields = parseFields(text, what, HEADER_MEMBERS)
  return {
    name: readText(fields, 'name'),
    kdf: readKdfParameters(readObject(fields, 'kdf', KDF_MEMBERS)),
    salt: readBytes(fields, 'salt', KDF_SALT_BYTES),
    check: readBytes(fields, 'check', 16),
    keyFile: readBoolean(fields, 'keyFile'),
    boxKey: readBytes(fields, 'boxKey', KEY_BYTES),
    signKey: readBytes(fields, 'signKey', KEY_BYTES),
  }
}

function assertKeyFileFits(header: Header, keyFile: Buffer | null): void {
  if (header.keyFile && keyFile === null) {
    throw new SealpostError('locked', `operator ${header.name} needs the key file besides the passphrase`, {
      hint: 'insert the medium and name the file with --key-file',
      code: 'KEY_FILE_NEEDED',
    })
  }
  if (!header.keyFile && keyFile !== null) {
    throw new SealpostError('config', `operator ${header.name} has no key file enrolled`, {
      hint: 'leave the key file out',
    })
  }
}

function copyOf(bytes: Buffer, from: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(KEY_BYTES)
  bytes.copy(copy, 0, from, from + KEY_BYTES)
  return copy
}
