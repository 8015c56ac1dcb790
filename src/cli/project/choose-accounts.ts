import { SealpostError } from '../../core/errors.ts'
import { didYouMean } from '../config/did-you-mean.ts'
import type { AccountPair } from '../config/mailboxes-csv.ts'

/** The accounts that were named, by source or destination name; all of them when none was. Throws `config` for others. */
export function chooseAccounts(
  accounts: readonly AccountPair[],
  named: readonly string[] | undefined,
): readonly AccountPair[] {
  if (named === undefined || named.length === 0) return accounts
  const chosen = new Set<AccountPair>()
  for (const name of named) {
    const folded = name.toLowerCase()
    const found = accounts.filter(
      ({ source, destination }) => source.toLowerCase() === folded || destination.toLowerCase() === folded,
    )
    if (found.length === 0) {
      const meant = didYouMean(
        name,
        accounts.flatMap(({ source, destination }) => [source, destination]),
      )
      throw new SealpostError('config', `--mailbox ${name}: mailboxes.csv has no such account`, {
        hint: meant === null ? 'name a source or a destination account' : `did you mean "${meant}"?`,
        code: 'NO_SUCH_ACCOUNT',
      })
    }
    for (const account of found) chosen.add(account)
  }
  return accounts.filter((account) => chosen.has(account))
}
