import type { SealpostError } from '../core/errors.ts'
import type { Finding, LedgerReader, Pair } from '../core/ledger.ts'
import { isBalanced, type Totals } from '../core/states.ts'
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.ts'

/** The exit code of several failures: theirs when they agree, else that of a plain failure; null when there is none. */
export function failureCode(errors: readonly SealpostError[]): ExitCode | null {
  const codes = new Set(errors.map((error) => exitCodeOf(error)))
  const [only] = codes
  return only === undefined ? null : codes.size === 1 ? only : EXIT.failed
}

/** The exit code of work that ended by itself, by what stands in the ledger for these pairs. */
export function ledgerCode(ledger: LedgerReader, pairs: readonly Pair[]): ExitCode {
  const totals = pairs.map((pair) => ledger.totals({ pairId: pair.id }))
  if (!totals.every(isBalanced)) return EXIT.failed
  const open = pairs.some((pair) => ledger.findings(pair.id).some(isOpen))
  const exceptions = totals.some(({ quarantined, skipped }) => quarantined + skipped > 0)
  return open || exceptions ? EXIT.exceptions : EXIT.complete
}

/** How far an account has come. */
export type AccountState = 'not begun' | 'under way' | 'moved'

/** How far an account has come, by what the ledger knows; a pair with id 0 is not in it. */
export function stateOf(pair: Pair, ledger: LedgerReader): AccountState {
  const listed = pair.id !== 0 && ledger.mailboxes(pair.id).some((mailbox) => mailbox.cursor !== null)
  if (!listed) return 'not begun'
  return isBalanced(ledger.totals({ pairId: pair.id })) ? 'moved' : 'under way'
}

/** True for a finding that blocks: nothing explains it. */
export function isOpen(finding: Finding): boolean {
  return finding.class === 'open'
}

/** Messages by their end, as documents name them. */
export function messageCounts(totals: Totals): object {
  const { source, landed, merged, existing, skipped, quarantined, expunged } = totals
  return { source, landed, merged, existing, skipped, quarantined, expunged }
}

/** What one run added to each count; never below zero, since a message may change its state. */
export function growth(before: Totals, after: Totals): object {
  const grown = (key: keyof Totals): number => Math.max(0, after[key] - before[key])
  return {
    source: grown('source'),
    landed: grown('landed'),
    merged: grown('merged'),
    existing: grown('existing'),
    skipped: grown('skipped'),
    quarantined: grown('quarantined'),
    expunged: grown('expunged'),
  }
}
