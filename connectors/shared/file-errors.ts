import { SealpostError, toSealpostError, type ErrorKind } from '../../src/core/errors.ts'
import { systemFault } from '../../src/core/system-faults.ts'

const KINDS: ReadonlyMap<string, ErrorKind> = new Map([
  ['ENOENT', 'not-found'],
  ['ENOTDIR', 'not-found'],
  ['EACCES', 'config'],
  ['EPERM', 'config'],
  ['EROFS', 'config'],
  ['ENOSPC', 'quota'],
  ['EDQUOT', 'quota'],
  ['EFBIG', 'rejected'],
  ['ENAMETOOLONG', 'rejected'],
  ['EILSEQ', 'rejected'],
])

/** The word of the system for what went wrong (`ENOENT`), or null for an error that is not the system's. */
export function systemCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error
    ? error.code
    : null
}

/** Says what is to be done about an error of the file system. Paths stay out of the text: they hold folder names. */
export function toFileError(error: unknown, what: string): SealpostError {
  const code = systemCode(error)
  if (code === null) return toSealpostError(error, what)
  const fault = systemFault(code)
  const hint = fault === null ? {} : { hint: fault.hint }
  const text = `${what}: ${fault?.text ?? code}`
  return new SealpostError(KINDS.get(code) ?? 'transient', text, { code, cause: error, ...hint })
}

/** True when a file or folder is simply not there. */
export function isMissing(error: unknown): boolean {
  return systemCode(error) === 'ENOENT'
}
