import { describe, expect, it } from 'vitest'
import { SealpostError, type ErrorKind } from '../../src/core/errors.ts'
import { exitCodeOf } from '../../src/cli/exit-codes.ts'
import { failureCode } from '../../src/cli/outcome.ts'

const TABLE: Readonly<Record<ErrorKind, number>> = {
  throttled: 1,
  transient: 1,
  'unknown-outcome': 1,
  auth: 1,
  quota: 1,
  'not-found': 1,
  rejected: 1,
  stale: 1,
  corrupt: 1,
  bug: 1,
  config: 2,
  policy: 4,
  locked: 5,
  busy: 6,
  cancelled: 130,
}

describe('exit codes', () => {
  it.each(Object.entries(TABLE))('%s ends with %i', (kind, code) => {
    expect(exitCodeOf(new SealpostError(kind as ErrorKind, kind))).toBe(code)
  })

  it.each(['ENOSPC', 'EIO', 'EROFS', 'EMFILE', 'SQLITE_IOERR_WRITE'])(
    'a fault of the machine (%s) is a failure, and no wrong setting',
    (code) => {
      expect(exitCodeOf(new SealpostError('config', 'ledger', { code }))).toBe(1)
      expect(exitCodeOf(new SealpostError('policy', 'ledger', { code }))).toBe(4)
    },
  )

  it('several failures end as each of them would, or as a plain failure when they differ', () => {
    const error = (kind: ErrorKind): SealpostError => new SealpostError(kind, kind)
    expect(failureCode([])).toBeNull()
    expect(failureCode([error('config'), error('config')])).toBe(2)
    expect(failureCode([error('config'), error('auth')])).toBe(1)
  })
})
