import type { ListedAccount } from '../../core/directory.ts'
import { SealpostError } from '../../core/errors.ts'
import { localPartOf } from './templates.ts'

/** The header of mailboxes.csv with what a platform says of its accounts. */
export const LISTED_HEADER = 'source,destination,kind,bytes\n'

/**
 * Rows of mailboxes.csv for the accounts of a source, sorted. Each goes to the account of the same name, in `toDomain`
 * where there is one. Throws `config` for a name that holds control characters: it would write to the terminal, or a second
 * row.
 */
export function mailboxRows(accounts: readonly ListedAccount[], toDomain: string | null): string {
  const rows = sorted(accounts).map(({ account, kind, bytes }) => {
    if (/\p{Cc}/u.test(account)) {
      throw new SealpostError('config', `the platform lists an account whose name is none: ${account}`)
    }
    const destination = toDomain === null ? account : `${localPartOf(account)}@${toDomain}`
    return [account, destination, kind, bytes === null ? '' : String(bytes)].map(cell).join(',')
  })
  return LISTED_HEADER + rows.map((row) => `${row}\n`).join('')
}

/** Accounts by name. */
export function sorted(accounts: readonly ListedAccount[]): readonly ListedAccount[] {
  return [...accounts].sort((a, b) => (a.account < b.account ? -1 : a.account > b.account ? 1 : 0))
}

/** A cell as RFC 4180 has it: in quotes where it holds a comma or a quote. */
function cell(text: string): string {
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
