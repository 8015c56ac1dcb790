import { readChoice, readInteger, type Fields } from './fields.ts'

/** How hard a passphrase is to guess: `moderate` by default; `interactive` for slow machines and for tests. */
export type KdfProfile = 'moderate' | 'interactive'

/** Parameters of Argon2id (RFC 9106), one lane. */
export interface KdfParameters {
  readonly algorithm: 'argon2id'
  readonly memoryMebibytes: number
  readonly passes: number
}

/** What a key file may ask for. Below, guessing is too cheap; above, opening a planted file would exhaust the machine. */
const LEAST = { memoryMebibytes: 64, passes: 2 }
const MOST = { memoryMebibytes: 1024, passes: 10 }

/** Members of the parameters in a key file's header. */
export const KDF_MEMBERS = ['algorithm', 'memoryMebibytes', 'passes'] as const

/** The parameters of a profile. */
export function kdfParametersOf(profile: KdfProfile): KdfParameters {
  return profile === 'moderate'
    ? { algorithm: 'argon2id', memoryMebibytes: 256, passes: 3 }
    : { algorithm: 'argon2id', memoryMebibytes: 64, passes: 2 }
}

/** Reads parameters from a header. Throws `corrupt` when they are unknown or out of bounds. */
export function readKdfParameters(fields: Fields): KdfParameters {
  return {
    algorithm: readChoice(fields, 'algorithm', ['argon2id']),
    memoryMebibytes: readInteger(fields, 'memoryMebibytes', LEAST.memoryMebibytes, MOST.memoryMebibytes),
    passes: readInteger(fields, 'passes', LEAST.passes, MOST.passes),
  }
}
