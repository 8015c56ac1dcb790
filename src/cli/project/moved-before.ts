import type { Ledger, Pair } from '../../core/ledger.ts'
import type { AccountPair } from '../config/mailboxes-csv.ts'
import type { PairDoubt } from '../config/pair-doubts.ts'

/**
 * Rows that an edit of the list has turned another way since their mail was moved: a source that went to another account, and
 * an account that has the mail of a source which the list no longer names, if only by other capitals. Its mail would be moved
 * a second time, or into somebody else's account.
 */
export function movedBefore(
  accounts: readonly AccountPair[],
  ledger: Pick<Ledger, 'pairs' | 'totals'>,
): readonly PairDoubt[] {
  const isListed = (pair: Pair): boolean =>
    accounts.some(({ source, destination }) => source === pair.source && destination === pair.destination)
  const known = ledger.pairs().filter(({ id }) => hasBegun(ledger, id))
  const struck = known.filter((pair) => !isListed(pair))
  return accounts.flatMap(({ source, destination, line }) => {
    if (known.some((pair) => pair.source === source && pair.destination === destination)) return []
    const text = [
      ...struck
        .filter((pair) => isAlike(pair.source, source) && !isAlike(pair.destination, destination))
        .map((pair) => `${source} goes to ${destination}, but its mail was moved to ${pair.destination} before`),
      ...struck
        .filter((pair) => isAlike(pair.destination, destination))
        .map((pair) => `${source} goes to ${destination}, where the mail of ${pair.source} was moved before`),
    ][0]
    return text === undefined ? [] : [{ id: `${source}=${destination}`, text, line }]
  })
}

function hasBegun(ledger: Pick<Ledger, 'totals'>, pairId: number): boolean {
  const { landed, existing, appending } = ledger.totals({ pairId })
  return landed + existing + appending > 0
}

function isAlike(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}
