import type { FileHandle } from 'node:fs/promises'
import { SealpostError, toSealpostError, type ErrorKind } from '../../src/core/errors.ts'
import type { StoredBytes } from '../../src/core/ports.ts'
import { openPlainFile } from '../../src/files/plain-files.ts'

const READ_BYTES = 1024 * 1024
const KINDS: ReadonlyMap<string, ErrorKind> = new Map([
  ['ENOSPC', 'quota'],
  ['EDQUOT', 'quota'],
  ['EFBIG', 'quota'],
])

/** An open file as `StoredBytes`. */
export interface StoredFile extends StoredBytes {
  /** Twice is safe; never throws. */
  close(): Promise<void>
}

/** Opens a plain file to be read anywhere; throws `config` for anything else. */
export async function openStoredFile(path: string): Promise<StoredFile> {
  const handle = await openPlainFile(path)
  const { size } = await handle.stat()
  return {
    bytes: size,
    read: async (position, length) => {
      const bytes = Buffer.allocUnsafe(length)
      let held = 0
      while (held < length) {
        const { bytesRead } = await handle
          .read(bytes, held, length - held, position + held)
          .catch((error: unknown) => {
            throw toFileError(error, `reading ${path}`)
          })
        if (bytesRead === 0) throw new SealpostError('corrupt', `${path} was cut while it was read`)
        held += bytesRead
      }
      return bytes
    },
    close: () => handle.close().catch(() => undefined),
  }
}

/** All of an open file, from its beginning, wherever it was read or written last. A piece is good until the next one is asked for. */
export async function* piecesOf(handle: FileHandle): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(READ_BYTES)
  for (let position = 0; ;) {
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, position)
    if (bytesRead === 0) return
    position += bytesRead
    yield bytes.subarray(0, bytesRead)
  }
}

/** Says what is to be done about an error of the file system. */
export function toFileError(error: unknown, what: string): SealpostError {
  if (error instanceof SealpostError || !(error instanceof Error) || !('code' in error)) {
    return toSealpostError(error, what)
  }
  const code = typeof error.code === 'string' ? error.code : 'unexpected error'
  return new SealpostError(KINDS.get(code) ?? 'config', `${what}: ${code}`, { code, cause: error })
}
