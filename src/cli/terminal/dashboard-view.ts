import type { AccountProgress, ProgressState } from './progress-state.ts'

/** One mailbox of an account, as its detail shows it. */
export interface MailboxLine {
  readonly name: string
  readonly messages: number
  readonly doneMessages: number
  readonly exceptions: number
}

/** What the dashboard shows at one moment. */
export interface DashboardView {
  readonly phase: 'running' | 'paused' | 'stopping' | 'no run'
  readonly state: ProgressState
  /** Milliseconds since 1970. */
  readonly now: number
  /** Until when a pair waits, in milliseconds since 1970. */
  readonly waitsUntil: ReadonlyMap<number, number>
  /** Open connections at both ends; null where only the ledger is read. */
  readonly connections: { readonly source: number; readonly destination: number } | null
  /** Lanes an account that the keys leave, of how many; null where only the ledger is read. What servers stand is with each account. */
  readonly lanes: { readonly allowed: number; readonly most: number } | null
  /** Bytes a second that are let through; null without `limits.rate`. */
  readonly bytesPerSecond: number | null
}

/** What the keys do. Without it the dashboard only shows. */
export interface DashboardControls {
  togglePause(): void
  changeLanes(step: 1 | -1): void
  changeRate(factor: 0.5 | 2): void
}

const ORDER: Readonly<Record<AccountProgress['phase'], number>> = { failed: 0, working: 1, queued: 2, done: 3 }

/** Accounts as they are listed: what failed and what is at work first, each in the project's order. */
export function inOrder(accounts: readonly AccountProgress[]): readonly AccountProgress[] {
  return [...accounts].sort((a, b) => ORDER[a.phase] - ORDER[b.phase])
}

/** The first line of `lines` that is shown of `count`, so that the chosen one is among them and about in the middle. */
export function firstShown(chosen: number, count: number, lines: number): number {
  return Math.max(0, Math.min(chosen - Math.floor(lines / 2), count - lines))
}
