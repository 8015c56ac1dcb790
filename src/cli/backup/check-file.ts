import { createHash } from 'node:crypto'
import { openStoredFile } from '../../../connectors/archive/stored-file.ts'
import { headerEnd, MAX_HEADER_BYTES } from '../../../vault/age-header.ts'
import type { VolumeRecord } from '../../core/backups.ts'
import { isKind, SealpostError, throwIfAborted } from '../../core/errors.ts'

const READ_BYTES = 1024 * 1024

/**
 * Compares a file with its record: that it is an age file, its size, the digest of the ciphertext. Returns what is wrong, or
 * null. What is sealed inside was read back and compared when it was written; nobody here can do that again.
 */
export async function checkFile(
  path: string,
  volume: Pick<VolumeRecord, 'bytes' | 'sha256'>,
  signal: AbortSignal,
): Promise<SealpostError | null> {
  try {
    const file = await openStoredFile(path)
    try {
      if (file.bytes !== volume.bytes) {
        return new SealpostError('corrupt', `it has ${file.bytes} bytes, and was written with ${volume.bytes}`)
      }
      const start = Buffer.from(await file.read(0, Math.min(file.bytes, MAX_HEADER_BYTES)))
      if (headerEnd(start) === null) return new SealpostError('corrupt', 'the header of the age file is damaged')
      const digest = createHash('sha256')
      for (let at = 0; at < file.bytes; at += READ_BYTES) {
        throwIfAborted(signal)
        digest.update(await file.read(at, Math.min(READ_BYTES, file.bytes - at)))
      }
      if (digest.digest('hex') === volume.sha256) return null
      return new SealpostError('corrupt', 'its SHA-256 is not the one that was written down')
    } finally {
      await file.close()
    }
  } catch (error) {
    if (isKind(error, 'corrupt', 'config', 'policy')) return error
    throw error
  }
}
