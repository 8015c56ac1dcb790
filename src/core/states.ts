/**
 * Where a message of the source stands. `discovered`: listed, nothing sent. `appending`: written down before the
 * first byte of an append. The others are final (invariant 8).
 */
export type MessageState =
  'discovered' | 'appending' | 'landed' | 'existing' | 'expunged' | 'skipped' | 'quarantined'

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
  /** Of those that have landed, the ones of which the destination made one with another of equal content. */
  readonly merged: number
  readonly sourceBytes: number
  readonly landedBytes: number
}

/** True when every message has ended and the sums balance (invariant 8). */
export function isBalanced(totals: Totals): boolean {
  const ended = totals.landed + totals.existing + totals.skipped + totals.quarantined + totals.expunged
  return totals.discovered === 0 && totals.appending === 0 && totals.source === ended
}

/**
 * What verification found of one delivered message, read again whole. `identical`: the same bytes. `equivalent`: what it says is
 * the same, written down differently. `altered`: it says something else. `missing`: nothing like it is there.
 */
export type Fidelity = 'identical' | 'equivalent' | 'altered' | 'missing'

/** Delivered messages by fidelity, as last verified in full. */
export type FidelityCounts = Readonly<Record<Fidelity | 'unchecked', number>>
