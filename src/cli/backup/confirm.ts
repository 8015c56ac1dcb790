import { basename } from 'node:path'
import { sshFingerprint, sshKeyBlob } from '../../../vault/ssh-key.ts'
import { verifySshsig } from '../../../vault/sshsig.ts'
import type { Confirmation, VolumeRecord } from '../../core/backups.ts'
import { SealpostError } from '../../core/errors.ts'
import { readPlainFile } from '../../files/plain-files.ts'

/** Namespace of the SSH signature over a receipt: one for anything else is no receipt. */
export const RECEIPT_NAMESPACE = 'backup-receipt@sealpost'

const MAX_RECEIPT_BYTES = 1024 * 1024

/**
 * Holds what the client has computed against the record: one SHA-256 for each volume, in any order. Throws `policy` when one
 * is missing, is another, or stands for nothing.
 */
export function confirmByChecksums(volumes: readonly VolumeRecord[], typed: readonly string[]): void {
  // As they are read out, in groups of digits; what one word holds several of is as the lines of sha256sum were cut.
  const given = typed
    .map((text) => text.replace(/[\s:]/g, '').toLowerCase())
    .flatMap((text) => (text.length % 64 === 0 ? (text.match(/.{64}/g) ?? [text]) : [text]))
  const bad = given.find((text) => !/^[0-9a-f]{64}$/.test(text))
  if (bad !== undefined) throw new SealpostError('config', '--confirm takes a SHA-256: 64 hexadecimal digits')
  const strange = new Set(given)
  const missing = volumes.filter(({ sha256 }) => !strange.delete(sha256)).map(({ path }) => basename(path))
  const [unlike] = strange
  if (missing.length === 0 && unlike === undefined) return
  const [text, hint] =
    unlike === undefined
      ? [
          `no checksum was given for ${missing.join(', ')}`,
          'give that of each file, or name only those whose you have',
        ]
      : missing.length === 0
        ? [`${unlike} belongs to none of these files`, 'name the file that it is of, too']
        : [
            `${unlike} is not that of ${missing.join(', ')}: the client’s copy is not whole, or of another file`,
            'hand the file over again',
          ]
  throw new SealpostError('policy', text, { hint: `nothing was deleted; ${hint}`, code: 'OTHER_CHECKSUM' })
}

/**
 * Checks a receipt that the client has signed: lines as sha256sum writes them, and beside it, with `.sig` behind its name, what
 * `ssh-keygen -Y sign -n backup-receipt@sealpost` made of it. Returns the fingerprint of the key. Throws `policy` for
 * a signature by another key and for a receipt that does not name each volume.
 */
export async function confirmByReceipt(
  volumes: readonly VolumeRecord[],
  path: string,
  key: string,
): Promise<Pick<Confirmation, 'key'>> {
  const receipt = await readPlainFile(path, 'read', MAX_RECEIPT_BYTES)
  const signature = (await readPlainFile(`${path}.sig`, 'read', MAX_RECEIPT_BYTES)).toString('utf8')
  const signer = verifySshsig(signature, RECEIPT_NAMESPACE, receipt)
  const [type = '', blob = ''] = key.trim().split(/\s+/)
  if (type !== 'ssh-ed25519') {
    throw new SealpostError(
      'config',
      '--receipt-key takes the client’s ssh-ed25519 public key, one line of a .pub file',
    )
  }
  if (signer === null || sshKeyBlob(signer).toString('base64') !== blob) {
    throw new SealpostError('policy', 'the receipt is not signed by that key', {
      hint: `ssh-keygen -Y sign -f KEY -n ${RECEIPT_NAMESPACE} RECEIPT`,
      code: 'BAD_RECEIPT',
    })
  }
  const named = new Set(
    receipt
      .toString('utf8')
      .toLowerCase()
      .match(/\b[0-9a-f]{64}\b/g) ?? [],
  )
  const missing = volumes.filter(({ sha256 }) => !named.has(sha256))
  if (missing.length > 0) {
    throw new SealpostError('policy', `the receipt does not name ${missing.length} of the files`, {
      code: 'BAD_RECEIPT',
    })
  }
  return { key: sshFingerprint(signer) }
}
