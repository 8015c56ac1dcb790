import Database from 'better-sqlite3'
import { SealpostError, toSealpostError, type ErrorKind } from '../core/errors.ts'
import { systemFault } from '../core/system-faults.ts'

/** True when a row was refused because another one has the same values under a unique index. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code === 'SQLITE_CONSTRAINT_UNIQUE'
}

/**
 * Says what an error of SQLite means for us. `what` names the file or the step; no statement, value or key gets
 * into the text. Passes a `SealpostError` through. `code` is SQLite's own word, or `ENOSPC` for a full disk.
 */
export function toDatabaseError(error: unknown, what: string): SealpostError {
  if (!(error instanceof Database.SqliteError)) return toSealpostError(error, what)
  const { code } = error
  const make = (kind: ErrorKind, text: string, hint?: string): SealpostError =>
    new SealpostError(kind, `${what}: ${text}`, { code, cause: error, ...(hint === undefined ? {} : { hint }) })

  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return make('busy', 'in use by another process', 'wait for it or stop it')
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') return make('corrupt', 'the file is damaged')
  // Of the place where we work, not of a message: nothing may be quarantined for it.
  const fault = systemFault(
    code.startsWith('SQLITE_IOERR') ? 'EIO' : code === 'SQLITE_FULL' ? 'ENOSPC' : undefined,
  )
  if (fault !== null) {
    const details = { code: code === 'SQLITE_FULL' ? 'ENOSPC' : code, hint: fault.hint, cause: error }
    return new SealpostError('config', `${what}: ${fault.text}`, details)
  }
  if (/^SQLITE_(CANTOPEN|READONLY|PERM|AUTH)/.test(code)) {
    return make('config', 'the file cannot be opened for writing', 'check its owner and permissions')
  }
  return make('bug', `unexpected ${code}`)
}
