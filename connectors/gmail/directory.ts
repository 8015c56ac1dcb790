import type { Clock } from '../../src/core/clock.ts'
import type { AccountDirectory, ListedAccount } from '../../src/core/directory.ts'
import { isKind, SealpostError, toSealpostError } from '../../src/core/errors.ts'
import type { TokenProvider } from '../../src/core/ports.ts'
import { HttpsClient } from '../shared/https-client.ts'
import { askAdmin, type AdminSdk } from './admin-sdk.ts'
import { mailboxBytes } from './usage-report.ts'

/** The scope that listing users needs, besides an administrator to act for. */
export const DIRECTORY_SCOPE = 'https://www.googleapis.com/auth/admin.directory.user.readonly'

/** How the users of a Google Workspace domain are listed. */
export interface GoogleDirectoryOptions {
  readonly tokens: TokenProvider
  /** Tokens that may read usage reports, for sizes. */
  readonly usageTokens: TokenProvider
  /** The administrator for whom the service account acts. */
  readonly admin: string
  /** One domain of the customer; null: all of them. */
  readonly domain: string | null
  readonly clock: Clock
  /** Where the Admin SDK is; Google's own unless said otherwise. Ends in a slash. */
  readonly endpoint?: string | undefined
  /** PEM of the certificates to trust there instead of the public roots. */
  readonly ca?: Buffer | string | undefined
}

const WHAT = 'listing users'
const KIND = 'admin#directory#users'
const QUERY = {
  maxResults: '500',
  orderBy: 'email',
  projection: 'basic',
  fields: 'kind,nextPageToken,users(primaryEmail,suspended,archived,isMailboxSetup)',
} as const

interface UserPage {
  readonly accounts: readonly ListedAccount[]
  readonly next: string | null
}

interface RawPage {
  readonly kind?: unknown
  readonly users?: unknown
  readonly nextPageToken?: unknown
}

interface RawUser {
  readonly primaryEmail?: unknown
  readonly suspended?: unknown
  readonly archived?: unknown
  readonly isMailboxSetup?: unknown
}

/**
 * The users of a customer by the Directory API of the Admin SDK, with the sizes of their mailboxes where the service account
 * may read usage reports. A user whose mailbox was never set up is of kind `unknown`; archived users are told as suspended.
 */
export function createGoogleDirectory(options: GoogleDirectoryOptions): AccountDirectory {
  const { tokens, usageTokens, clock, domain, admin } = options
  const http = new HttpsClient({ what: 'Google Admin SDK', ca: options.ca })
  const sdk: AdminSdk = { http, clock, admin, endpoint: options.endpoint ?? 'https://admin.googleapis.com/' }
  const whose = domain === null ? { customer: 'my_customer' } : { domain }
  const readPage = async (pageToken: string | null, signal: AbortSignal): Promise<UserPage> => {
    const token = await tokens.token(admin, false, signal)
    const query = { ...whose, ...QUERY, pageToken }
    try {
      return pageOf(await askAdmin(sdk, token, 'admin/directory/v1/users', query, WHAT, signal))
    } catch (error) {
      throw isKind(error) ? inOwnWords(error, admin) : error
    }
  }
  return {
    async *listAccounts(signal) {
      try {
        let pageToken: string | null = null
        let sizes: ReadonlyMap<string, number> | null | undefined
        do {
          const page: UserPage = await readPage(pageToken, signal)
          // Asked once it is known that the users may be listed.
          if (sizes === undefined) sizes = await mailboxBytes(sdk, usageTokens, signal)
          for (const account of page.accounts) {
            yield { ...account, bytes: sizes?.get(account.account.toLowerCase()) ?? null }
          }
          pageToken = page.next
        } while (pageToken !== null)
      } catch (error) {
        throw toSealpostError(error, `Google Admin SDK: ${WHAT}`)
      }
    },
    close: async () => {
      http.close()
    },
  }
}

/** Throws `transient` for an answer that is no page of users: what is left out must not look like the end. */
function pageOf(body: unknown): UserPage {
  const { kind, users = [], nextPageToken } = (typeof body === 'object' && body !== null ? body : {}) as RawPage
  if (kind !== KIND || !Array.isArray(users)) {
    throw new SealpostError('transient', 'Google Admin SDK: the answer is no list of users', { code: 'NO_LIST' })
  }
  const next = typeof nextPageToken === 'string' && nextPageToken !== '' ? nextPageToken : null
  return { accounts: (users as readonly RawUser[]).map(accountOf), next }
}

function accountOf({ primaryEmail, suspended, archived, isMailboxSetup }: RawUser): ListedAccount {
  if (typeof primaryEmail !== 'string') {
    throw new SealpostError('transient', 'Google Admin SDK: a user has no address', { code: 'NO_ADDRESS' })
  }
  return {
    account: primaryEmail,
    kind: isMailboxSetup === false ? 'unknown' : 'user',
    bytes: null,
    suspended: suspended === true || archived === true,
  }
}

/** The refusals of the Gmail API speak of mailboxes; here another right is missing. */
function inOwnWords(error: SealpostError, administrator: string): SealpostError {
  const { kind, code, serverText } = error
  if (kind !== 'auth' && kind !== 'config' && kind !== 'not-found' && kind !== 'rejected') return error
  const isOff = kind === 'config'
  return new SealpostError(
    kind === 'auth' ? 'auth' : 'config',
    `Google Admin SDK: ${isOff ? 'it is not enabled in the Google Cloud project' : `${administrator} may not list the users`}`,
    {
      hint: isOff
        ? 'enable it: APIs & Services > Library > Admin SDK API'
        : `check directory.admin and directory.domain; delegate ${DIRECTORY_SCOPE} to the service account`,
      ...(code === undefined ? {} : { code }),
      ...(serverText === undefined ? {} : { serverText }),
    },
  )
}
