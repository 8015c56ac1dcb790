import { SealpostError } from '../../src/core/errors.ts'
import type { StoredBytes } from '../../src/core/ports.ts'

/** Bytes in memory, as if they were a file. */
export function bytesAt(bytes: Uint8Array): StoredBytes {
  return {
    bytes: bytes.length,
    read: async (position, length) => {
      if (position < 0 || position + length > bytes.length)
        throw new SealpostError('corrupt', 'the file is too short')
      return bytes.slice(position, position + length)
    },
  }
}
