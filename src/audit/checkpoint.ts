import type { KnownHead, NoteSigner, TreeHead } from '../core/audit.ts'
import { SealpostError } from '../core/errors.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { HASH_BYTES } from './merkle.ts'
import { parseNote, parseVerifierKey, signNote, verifyNote } from './signed-note.ts'

/** What a checkpoint says (c2sp.org/tlog-checkpoint). */
export interface Checkpoint extends KnownHead {
  /** Lines after the third; ours have none. */
  readonly extensions: readonly string[]
}

const SIZE = /^(0|[1-9][0-9]{0,15})$/

/** Signs a checkpoint. The name of a signer should be the origin. */
export async function signCheckpoint(
  origin: string,
  head: TreeHead,
  signers: readonly NoteSigner[],
): Promise<string> {
  return signNote(`${origin}\n${head.size}\n${encodeBase64(head.root)}\n`, signers)
}

/** Reads a checkpoint without checking any signature. Throws `corrupt` when it is not one. */
export function parseCheckpoint(note: string): Checkpoint {
  const lines = parseNote(note).text.slice(0, -1).split('\n')
  const [origin = '', size = '', root = '', ...extensions] = lines
  const hash = decodeBase64(root, HASH_BYTES)
  const leaves = SIZE.test(size) ? Number(size) : NaN
  if (lines.includes('') || !Number.isSafeInteger(leaves) || hash === null) {
    throw new SealpostError('corrupt', 'not a checkpoint of a log')
  }
  return { origin, size: leaves, root: hash, extensions }
}

/**
 * Reads a checkpoint that at least one of these verifier keys signed. Throws `corrupt` when none did, a signature is
 * wrong or it is of another log than `origin`; `config` for a malformed key.
 */
export function verifyCheckpoint(note: string, origin: string, keys: readonly string[]): Checkpoint {
  verifyNote(parseNote(note), keys.map(parseVerifierKey))
  const checkpoint = parseCheckpoint(note)
  if (checkpoint.origin !== origin) throw new SealpostError('corrupt', 'the checkpoint is of another log')
  return checkpoint
}
