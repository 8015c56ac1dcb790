import { SealpostError, toSealpostError } from '../core/errors.ts'
import { codeOf, systemFault } from '../core/system-faults.ts'

/** Says what an error of the file system means for the spool. A full disk is `quota`: what is under way must drain first. */
export function toSpoolError(error: unknown, what: string): SealpostError {
  if (error instanceof SealpostError) return error
  const code = codeOf(error)
  if (code === undefined) return toSealpostError(error, `spool: ${what}`)
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    const hint = 'free some space there and run again'
    return new SealpostError('quota', `spool: ${what}: the disk is full`, { code: 'ENOSPC', hint, cause: error })
  }
  // Of the place where we work, not of the message that was to be held there.
  const fault = systemFault(code)
  if (fault !== null) {
    return new SealpostError('config', `spool: ${what}: ${fault.text}`, { code, hint: fault.hint, cause: error })
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'ENOTDIR') {
    return new SealpostError('config', `spool: ${what}: ${code}`, { code, cause: error })
  }
  return new SealpostError('corrupt', `spool: ${what}: ${code}`, { code, cause: error })
}
