import type { ErrorKind } from '../core/errors.ts'

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

/** The exit code of a command that ended with an error of this kind. */
export function exitCodeOf(kind: ErrorKind): ExitCode {
  switch (kind) {
    case 'config':
      return EXIT.usage
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
