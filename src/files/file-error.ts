import { SealpostError } from '../core/errors.ts'
import { codeOf, systemFault } from '../core/system-faults.ts'

/** Codes that are about the one file, in words. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'this user may not',
  EEXIST: 'something of that name is there already',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is no folder',
}

/** What went wrong with a file, as one of ours; the path is named, the content never. */
export function fileError(error: unknown, what: string, path: string): SealpostError {
  if (error instanceof SealpostError) return error
  const code = codeOf(error)
  if (code === 'ELOOP')
    return new SealpostError('policy', `${path} is a symbolic link`, { code, hint: 'put the file itself there' })
  const details = code === undefined ? { cause: error } : { code, cause: error }
  const fault = systemFault(code)
  if (fault !== null) {
    return new SealpostError('config', `cannot ${what} ${path}: ${fault.text}`, { ...details, hint: fault.hint })
  }
  const reason = code === undefined ? 'unexpected error' : (REASONS[code] ?? code)
  return new SealpostError('config', `cannot ${what} ${path}: ${reason}`, details)
}
