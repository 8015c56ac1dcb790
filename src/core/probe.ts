import type { FindingState } from './certificate.ts'

/**
 * One thing that `doctor` found out. `good` is a fact that needs nothing done, `adverse` one that does, `unknown` what could
 * not be found out. `code` is a stable word (`tls`, `clock-skew`); `text` and `hint` hold no mail, no secret and nothing of a
 * server that was not passed through `printable`.
 */
export interface ProbeFinding {
  readonly code: string
  readonly state: FindingState
  readonly text: string
  /** What to do about it, as one clause; null where there is nothing to do. */
  readonly hint: string | null
}

/** A finding that is only a fact. */
export function factOf(code: string, text: string): ProbeFinding {
  return { code, state: 'good', text, hint: null }
}
