import { Secret, wipe } from '../../../vault/secret.ts'
import { SealpostError } from '../../core/errors.ts'
import { readPrivateFile } from '../../files/private-files.ts'

const MAX_IDENTITY_BYTES = 64 * 1024

/**
 * The identity in a file as `age-keygen` writes it: comments, and one line that begins with AGE-SECRET-KEY-1. The caller
 * wipes it. Throws `policy` when others can read the file, `config` when there is none or no identity in it.
 */
export async function readIdentity(path: string): Promise<Secret> {
  const bytes = await readPrivateFile(path, MAX_IDENTITY_BYTES)
  if (bytes === null) throw new SealpostError('config', `there is no file ${path}`)
  try {
    const start = bytes.indexOf('AGE-SECRET-KEY-1')
    if (start === -1 || (start > 0 && bytes[start - 1] !== 0x0a)) {
      throw new SealpostError('config', `${path} holds no age identity`, {
        hint: 'it is a file with a line that begins with AGE-SECRET-KEY-1, as age-keygen -o FILE writes it',
      })
    }
    let end = start
    while (end < bytes.length && (bytes[end] ?? 0) > 0x20) end++
    return Secret.fromBytes(Buffer.from(bytes.subarray(start, end)))
  } finally {
    wipe(bytes)
  }
}
