import type { BackupForm } from '../../src/core/backups.ts'
import type { Capabilities } from '../../src/core/connector.ts'
import { DESTINATION_CAPABILITIES } from './facts.ts'
import { encodeLine } from './manifest.ts'
import type { NewEntry } from './volume-writer.ts'

/** A part of the manifest holds so many lines at most; what it lists is found by it alone. */
export const MANIFEST_LINES = 500
/** So much of it is written down at once. */
export const MANIFEST_BYTES = 256 * 1024

const TAR_BLOCK_BYTES = 512
/** As long as a SHA-256 in hex. */
const NO_DIGEST = '0'.repeat(64)
/** `end.json`, and what ends a tar archive: two empty blocks. */
export const VOLUME_END_BYTES = 4 * TAR_BLOCK_BYTES
/** A name of so many ASCII characters stands in the header of its entry; any other may have a header of its own (pax). */
const SHORT_NAME = 100
const PAX_FIELD_BYTES = 32
/** age (c2sp.org/age): a nonce, a tag for each chunk; and of its header, what a long RSA key has, and what stands around. */
const CHUNK_BYTES = 64 * 1024
const TAG_BYTES = 16
const STANZA_BYTES = 2 * 1024
/** `>` before a line that is nothing but `From `: the most that mboxrd adds to bytes. */
const MBOX_QUOTING = 7 / 6
/** The From_ line, a line end where there is none, the blank line. */
const MBOX_AROUND_BYTES = 80
/** So that a batch and what lists it fit into the smallest volume. */
const LEAST_MESSAGE_SHARE = 16 * 1024

/** The most that an entry of a tar archive takes. */
export function entryBytes(name: string, bytes: number): number {
  const nameBytes = Buffer.byteLength(name)
  const isShort = nameBytes === name.length && nameBytes <= SHORT_NAME
  return (
    TAR_BLOCK_BYTES + inBlocks(bytes) + (isShort ? 0 : TAR_BLOCK_BYTES + inBlocks(nameBytes + PAX_FIELD_BYTES))
  )
}

/** The most that so many bytes take as an age file for so many recipients. */
export function sealedBytes(plainBytes: number, recipients: number): number {
  return plainBytes + TAG_BYTES * (Math.floor(plainBytes / CHUNK_BYTES) + 2) + STANZA_BYTES * (recipients + 1)
}

/** The most that up to `MANIFEST_LINES` lines of the manifest take. */
export function listingBytes(lineBytes: number): number {
  const parts = 2 + Math.floor(lineBytes / MANIFEST_BYTES)
  return lineBytes + parts * 2 * TAR_BLOCK_BYTES
}

/** The most that an mbox file takes beside the messages in it. */
export function mboxFileBytes(path: string): number {
  return entryBytes(path, 1) + listingBytes(0)
}

/** The most that a batch adds to a volume: `entries`, of these sizes. */
export function batchBytes(entries: readonly NewEntry[], sizes: readonly number[], form: BackupForm): number {
  let bytes = 0
  let listed = 0
  for (const [index, entry] of entries.entries()) {
    const size = sizes[index] ?? 0
    const mbox = form === 'mbox' ? { bytes: size, lineEnds: 'kept' as const } : undefined
    bytes += form === 'mbox' ? mboxBytes(size) : entryBytes(entry.path, size)
    listed += Buffer.byteLength(
      encodeLine({ kind: 'message', ...entry, size, sha256: NO_DIGEST, ...(mbox && { mbox }) }),
    )
  }
  const [first] = entries
  const around = form === 'mbox' && first !== undefined ? mboxFileBytes(first.path) : 0
  return around + bytes + listingBytes(listed)
}

/** What an end that writes volumes of this size at most can do: a batch goes into one volume. */
export function capabilitiesFor(volumeBytes: number): Capabilities {
  const { messages, bytes } = DESTINATION_CAPABILITIES.appendBatch
  return {
    ...DESTINATION_CAPABILITIES,
    appendBatch: {
      messages: Math.max(1, Math.min(messages, Math.floor(volumeBytes / LEAST_MESSAGE_SHARE))),
      bytes: Math.min(bytes, Math.floor(volumeBytes / 2)),
    },
  }
}

/** The most that a message takes in an mbox file. */
function mboxBytes(bytes: number): number {
  return Math.ceil(bytes * MBOX_QUOTING) + MBOX_AROUND_BYTES
}

function inBlocks(bytes: number): number {
  return Math.ceil(bytes / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES
}
