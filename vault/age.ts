import { createHash } from 'node:crypto'
import { SealpostError } from '../src/core/errors.ts'
import type { BackupSealer, KeptSealing, RecipientOpener, RecipientSealer } from '../src/core/ports.ts'
import { openPlainFile } from '../src/files/plain-files.ts'
import { removeArmor } from './age-armor.ts'
import {
  checkIdentity,
  checkRecipients,
  headerEnd,
  makeHeader,
  MAX_HEADER_BYTES,
  openHeader,
} from './age-header.ts'
import { openPayload, openPayloadAt, sealPayload } from './age-payload.ts'
import { wipe, type Secret } from './secret.ts'

const ARMOR = Buffer.from('-----BEGIN AGE')

/**
 * Seals to age recipients (`age1…`) and SSH public keys, in the binary form that every age tool opens (c2sp.org/age). Throws
 * `config` when there are none or one is not a public key; a passphrase is never a recipient.
 */
export function createRecipientSealer(recipients: readonly string[]): RecipientSealer {
  checkRecipients(recipients)
  return { seal: (pieces) => sealToRecipients(recipients, pieces) }
}

/** As `createRecipientSealer`, with the key of each file kept until what was written has been read back. */
export function createBackupSealer(recipients: readonly string[]): BackupSealer {
  checkRecipients(recipients)
  return {
    recipients: recipients.map((recipient) => ({ key: recipient, fingerprint: recipientFingerprint(recipient) })),
    begin: () => beginSealing(recipients),
  }
}

/** SHA-256 of a recipient's text, without a comment: short enough to be read out and compared. */
export function recipientFingerprint(recipient: string): string {
  const bare = recipient.trim().split(/\s+/).slice(0, 2).join(' ')
  return createHash('sha256').update(bare, 'utf8').digest('hex')
}

/** Opens binary age files with an identity (`AGE-SECRET-KEY-1…`), which is lent. Throws `config` for what is none. */
export function createRecipientOpener(identity: Secret): RecipientOpener {
  checkIdentity(identity)
  return {
    openFile: async (file) => {
      const start = Buffer.from(await file.read(0, Math.min(file.bytes, MAX_HEADER_BYTES)))
      if (start.subarray(0, ARMOR.length).equals(ARMOR)) {
        throw new SealpostError('config', 'the age file is armored', {
          hint: 'turn it into its binary form first: open it with age -d and seal it again without -a',
        })
      }
      const end = headerEnd(start)
      if (end === null) throw new SealpostError('corrupt', 'the age file ends too early')
      return openPayloadAt(await openHeader(identity, start.subarray(0, end)), file, end)
    },
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
  checkIdentity(identity)
  const binary = removeArmor(pieces)
  let fileKey: Uint8Array | null = null
  try {
    const { header, rest } = await readHeader(binary)
    fileKey = await openHeader(identity, header)
    yield* openPayload(fileKey, continued(rest, binary))
  } finally {
    wipe(fileKey)
    await binary.return()
  }
}

/**
 * Opens an age file of at most `limit` bytes inside, whole. The caller wipes what is returned; nothing else is left of it. Throws
 * as `openAge` and `openPlainFile`, and `config` with `tooLarge` for a longer one.
 */
export async function openAgeFile(
  identity: Secret,
  path: string,
  limit: number,
  tooLarge: string,
): Promise<Buffer> {
  const file = await openPlainFile(path, 'read')
  const pieces: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const piece of openAge(identity, file.createReadStream({ autoClose: false }))) {
      pieces.push(piece)
      bytes += piece.length
      if (bytes > limit) throw new SealpostError('config', tooLarge)
    }
    return Buffer.concat(pieces)
  } finally {
    for (const piece of pieces) piece.fill(0)
    await file.close()
  }
}

async function* sealToRecipients(
  recipients: readonly string[],
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const sealing = await beginSealing(recipients)
  try {
    yield* sealing.seal(pieces)
  } finally {
    sealing.wipe()
  }
}

async function beginSealing(recipients: readonly string[]): Promise<KeptSealing> {
  const { header, fileKey } = await makeHeader(recipients)
  let isUsed = false
  return {
    async *seal(pieces) {
      if (isUsed) throw new SealpostError('bug', 'a file key is good for one file')
      isUsed = true
      yield header
      yield* sealPayload(fileKey, pieces)
    },
    async *open(pieces) {
      const binary = pieces[Symbol.asyncIterator]()
      try {
        const written = await readHeader(binary)
        if (!written.header.equals(header)) throw new SealpostError('corrupt', 'the header reads back otherwise')
        yield* openPayload(fileKey, continued(written.rest, binary))
      } finally {
        await binary.return?.(undefined)
      }
    },
    wipe: () => {
      isUsed = true
      fileKey.fill(0)
    },
  }
}

/** Gathers the header, which is bounded. */
async function readHeader(
  pieces: AsyncIterator<Uint8Array>,
): Promise<{ readonly header: Buffer; readonly rest: Buffer }> {
  let held = Buffer.alloc(0)
  for (;;) {
    const next = await pieces.next()
    if (next.done === true) throw new SealpostError('corrupt', 'the age file ends too early')
    held = Buffer.concat([held, next.value])
    const end = headerEnd(held)
    if (end !== null) return { header: held.subarray(0, end), rest: held.subarray(end) }
  }
}

async function* continued(
  first: Uint8Array,
  pieces: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield first
  for (;;) {
    const next = await pieces.next()
    if (next.done === true) return
    yield next.value
  }
}
