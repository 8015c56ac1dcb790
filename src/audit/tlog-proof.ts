import { SealpostError } from '../core/errors.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { verifyCheckpoint, type Checkpoint } from './checkpoint.ts'
import { HASH_BYTES } from './merkle.ts'
import { verifyInclusion } from './merkle-proof.ts'

/** An inclusion proof that stands by itself (c2sp.org/tlog-proof). */
export interface TlogProof {
  readonly index: number
  /** Nothing vouches for it. */
  readonly extra: Uint8Array | null
  /** The leaf's sibling first. */
  readonly hashes: readonly Uint8Array[]
  /** The signed note, word for word. */
  readonly checkpoint: string
}

const HEADER = 'c2sp.org/tlog-proof@v1'
const INDEX = /^index (0|[1-9][0-9]{0,15})$/
/** A tree of 2^53 leaves has paths of 53 hashes. */
const MAX_HASHES = 64

/** The text of a `.tlog-proof` file. */
export function formatTlogProof(proof: TlogProof): string {
  const extra = proof.extra === null ? [] : [`extra ${encodeBase64(proof.extra)}`]
  const hashes = proof.hashes.map(encodeBase64)
  return `${[HEADER, ...extra, `index ${proof.index}`, ...hashes].join('\n')}\n\n${proof.checkpoint}`
}

/** Takes a proof apart; it says nothing before `verifyTlogProof`. Throws `corrupt` when it is malformed. */
export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf('\n\n')
  const lines = text.slice(0, Math.max(0, split)).split('\n')
  const fail = (): never => {
    throw new SealpostError('corrupt', 'not a proof of a log entry')
  }
  if (lines.shift() !== HEADER) fail()
  const extra = lines[0]?.startsWith('extra ') === true ? (lines.shift() ?? '').slice(6) : null
  const index = Number(INDEX.exec(lines.shift() ?? '')?.[1])
  if (!Number.isSafeInteger(index) || lines.length > MAX_HASHES) fail()
  return {
    index,
    extra: extra === null ? null : (decodeBase64(extra) ?? fail()),
    hashes: lines.map((line) => decodeBase64(line, HASH_BYTES) ?? fail()),
    checkpoint: text.slice(split + 2),
  }
}

/**
 * Checks that a leaf is in the log that signed the checkpoint. Returns the checkpoint; throws `corrupt` when the proof is
 * malformed or wrong, or the checkpoint is not signed by one of these verifier keys or is of another origin.
 */
export function verifyTlogProof(
  text: string,
  leafHash: Uint8Array,
  origin: string,
  keys: readonly string[],
): Checkpoint {
  const proof = parseTlogProof(text)
  const checkpoint = verifyCheckpoint(proof.checkpoint, origin, keys)
  if (!verifyInclusion(leafHash, proof.index, checkpoint.size, proof.hashes, checkpoint.root)) {
    throw new SealpostError(
      'corrupt',
      `the proof does not show that this entry is number ${proof.index} of the log`,
    )
  }
  return checkpoint
}
