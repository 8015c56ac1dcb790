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

/** How far clocks may differ before anything is said about it: a second of rounding and the way there are no difference. */
const TOLERATED_SKEW_MS = 5000

/**
 * What a time that a server gave, cut to whole seconds, says about its clock. It was given between `before` and `after` of
 * ours; all in milliseconds since 1970-01-01 UTC. Null: it gave none.
 */
export function clockSkewFinding(server: number | null, before: number, after: number): ProbeFinding {
  const code = 'clock-skew'
  if (server === null) return { code, state: 'unknown', text: 'the server gave no time', hint: null }
  const ahead = server - after
  const behind = before - (server + 999)
  const skew = Math.max(ahead, behind)
  if (skew <= TOLERATED_SKEW_MS) return factOf(code, "the server's clock agrees with this workstation's")
  return {
    code,
    state: 'adverse',
    text: `the server's clock is ${Math.round(skew / 1000)} s ${ahead > behind ? 'ahead of' : 'behind'} this workstation's`,
    hint: 'see which one is wrong: dates, token lives and logs are compared by them',
  }
}
