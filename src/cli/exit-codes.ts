import type { SealpostError } from '../core/errors.ts'
import { systemFault } from '../core/system-faults.ts'

/** Exit codes; kept stable, since scripts depend on them (docs/cli.md has the table). */
export const EXIT = {
  complete: 0,
  failed: 1,
  usage: 2,
  exceptions: 3,
  policy: 4,
  locked: 5,
  busy: 6,
  interrupted: 130,
} as const

/** One of them. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** The exit code of a command that ended with this error. */
export function exitCodeOf({ kind, code }: Pick<SealpostError, 'kind' | 'code'>): ExitCode {
  switch (kind) {
    case 'config':
      // A full or broken disk stops all accounts as wrong settings do, and yet nothing was set wrongly.
      return systemFault(code) !== null || code?.startsWith('SQLITE_IOERR') === true ? EXIT.failed : EXIT.usage
    case 'policy':
      return EXIT.policy
    case 'locked':
      return EXIT.locked
    case 'busy':
      return EXIT.busy
    case 'cancelled':
      return EXIT.interrupted
    default:
      return EXIT.failed
  }
}
