/**
 * Where a message of the source stands. `discovered`: listed, nothing sent. `appending`: written down before the
 * first byte of an append. The others are final (invariant 8).
 */
export type MessageState =
  'discovered' | 'appending' | 'landed' | 'existing' | 'expunged' | 'skipped' | 'quarantined'

/** Final states, in the order in which reports name them. */
export const FINAL_STATES = ['landed', 'existing', 'skipped', 'quarantined', 'expunged'] as const

/** Messages and bytes by state. `source` is their sum: what the source held and the filters let in. */
export interface Totals {
  readonly source: number
  readonly discovered: number
  readonly appending: number
  readonly landed: number
  readonly existing: number
  readonly skipped: number
  readonly quarantined: number
  readonly expunged: number
  readonly sourceBytes: number
  readonly landedBytes: number
}

/** True when every message has ended and the sums balance (invariant 8). */
export function isBalanced(totals: Totals): boolean {
  const ended = totals.landed + totals.existing + totals.skipped + totals.quarantined + totals.expunged
  return totals.discovered === 0 && totals.appending === 0 && totals.source === ended
}
