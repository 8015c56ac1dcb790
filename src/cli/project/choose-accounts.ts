import { SealpostError } from '../../core/errors.ts'
import { didYouMean } from '../config/did-you-mean.ts'
import type { AccountPair } from '../config/mailboxes-csv.ts'

/** What `--mailbox` and `--wave` name; nothing named is everything. */
export interface AccountChoice {
  readonly mailbox?: readonly string[]
  readonly wave?: readonly string[]
}

/** The accounts that were named, and of those the ones of the waves that were named. Throws `config` for names that nothing has. */
export function chooseAccounts(accounts: readonly AccountPair[], choice: AccountChoice): readonly AccountPair[] {
  const { mailbox = [], wave = [] } = choice
  const named = mailbox.length === 0 ? accounts : accountsNamed(accounts, mailbox)
  if (wave.length === 0) return named
  const waves = new Map(
    accounts.flatMap((account) => (account.wave === null ? [] : [[fold(account.wave), account.wave]])),
  )
  for (const name of wave) {
    if (waves.has(fold(name))) continue
    const known = [...waves.values()].join(', ')
    throw new SealpostError('config', `--wave ${name}: mailboxes.csv has no such wave`, {
      hint: known === '' ? 'give accounts a wave: a column of that name in mailboxes.csv' : `there are: ${known}`,
      code: 'NO_SUCH_WAVE',
    })
  }
  const wanted = new Set(wave.map(fold))
  const chosen = named.filter((account) => account.wave !== null && wanted.has(fold(account.wave)))
  if (chosen.length > 0) return chosen
  throw new SealpostError('config', 'none of the accounts that were named is of the wave that was named', {
    hint: 'leave out --mailbox or --wave',
    code: 'NO_SUCH_ACCOUNT',
  })
}

function accountsNamed(accounts: readonly AccountPair[], names: readonly string[]): readonly AccountPair[] {
  const chosen = new Set<AccountPair>()
  for (const name of names) {
    const folded = fold(name)
    const found = accounts.filter(
      ({ source, destination }) => fold(source) === folded || fold(destination) === folded,
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

function fold(name: string): string {
  return name.toLowerCase()
}
