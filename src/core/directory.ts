/** What an account is for, as its platform says; `unknown` where it does not. */
export type AccountKind = 'user' | 'shared' | 'room' | 'equipment' | 'group' | 'system' | 'unknown'

/** One account of a platform. Holds no name of a person but the account's own. */
export interface ListedAccount {
  /** What stands for it in mailboxes.csv: its address, or its user name where a platform has none. */
  readonly account: string
  readonly kind: AccountKind
  /** Storage used; null where the platform does not say. */
  readonly bytes: number | null
  /** Its owner cannot sign in: suspended, locked, closed. Its mail is there all the same. */
  readonly suspended: boolean
}

/**
 * Lists the accounts of a platform for `mailboxes list`, over its own administration interface. Reads only: it resets no
 * password and creates nothing. Throws `auth` for a refused credential, `config` for a missing right or a wrong address,
 * `throttled` and `transient` as connectors do.
 */
export interface AccountDirectory {
  /** Every account once, in any order. Breaks off with an error rather than with a list that is not whole. */
  listAccounts(signal: AbortSignal): AsyncIterable<ListedAccount>
  /** Twice is safe; never throws. */
  close(): Promise<void>
}
