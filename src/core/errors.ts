/** What to do about an error; docs/design.md section 6 has the table. */
export type ErrorKind =
  | 'throttled'
  | 'transient'
  | 'unknown-outcome'
  | 'auth'
  | 'quota'
  | 'not-found'
  | 'rejected'
  | 'stale'
  | 'corrupt'
  | 'config'
  | 'policy'
  | 'locked'
  | 'busy'
  | 'cancelled'
  | 'bug'

/** Further facts about an error. None may hold mail content, credentials or keys. */
export interface ErrorDetails {
  /** What the user can do about it, as one clause. */
  readonly hint?: string
  /** Words of a server: kept in the ledger, passed through `printable` here. */
  readonly serverText?: string
  /** Milliseconds after which the server said to come back. */
  readonly retryAfter?: number
  /** A stable word for machines, such as a response code (`OVERQUOTA`) or a Node code (`ECONNREFUSED`). */
  readonly code?: string
  readonly cause?: unknown
}

/**
 * The one error class. `message` says what went wrong and where, in one line that is safe to print;
 * `kind` says what to do.
 */
export class SealpostError extends Error {
  readonly kind: ErrorKind
  readonly hint: string | undefined
  readonly serverText: string | undefined
  readonly retryAfter: number | undefined
  readonly code: string | undefined

  constructor(kind: ErrorKind, message: string, details: ErrorDetails = {}) {
    super(printable(message, 600), details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'SealpostError'
    this.kind = kind
    this.hint = details.hint
    this.serverText = details.serverText === undefined ? undefined : printable(details.serverText, 300)
    this.retryAfter = details.retryAfter
    this.code = details.code
  }
}

/** True for an error of ours with one of these kinds (any kind when none is named). */
export function isKind(error: SealpostError, ...kinds: readonly ErrorKind[]): boolean
export function isKind(error: unknown, ...kinds: readonly ErrorKind[]): error is SealpostError
export function isKind(error: unknown, ...kinds: readonly ErrorKind[]): boolean {
  return error instanceof SealpostError && (kinds.length === 0 || kinds.includes(error.kind))
}

/** Passes one of ours through and wraps anything else as `bug`, whose message is kept out of sight of logs. */
export function toSealpostError(error: unknown, what: string): SealpostError {
  if (error instanceof SealpostError) return error
  if (error instanceof Error && error.name === 'AbortError') {
    return new SealpostError('cancelled', `${what}: interrupted`, { cause: error })
  }
  const name = error instanceof Error ? error.name : typeof error
  return new SealpostError('bug', `${what}: unexpected ${name}`, { cause: error })
}

/** Throws `cancelled` when the signal has been aborted. */
export function throwIfAborted(signal: AbortSignal): void {
  if (!signal.aborted) return
  if (signal.reason instanceof SealpostError) throw signal.reason
  throw new SealpostError('cancelled', 'interrupted')
}

const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]+/gu

/**
 * Makes text of a server safe for a terminal and a log line: control, bidirectional and other invisible characters
 * become one blank, and what is longer than `limit` characters is cut with an ellipsis. Twice is safe.
 */
export function printable(text: string, limit = 300): string {
  const clean = text.replace(UNPRINTABLE, ' ').trim()
  return clean.length <= limit ? clean : `${clean.slice(0, limit - 1)}…`
}
