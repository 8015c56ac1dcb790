import { isKind, SealpostError } from '../../src/core/errors.ts'
import type { TokenProvider } from '../../src/core/ports.ts'
import { askAdmin, type AdminSdk } from './admin-sdk.ts'

/** The scope that reading sizes needs. Without it they are not known. */
export const USAGE_SCOPE = 'https://www.googleapis.com/auth/admin.reports.usage.readonly'

const PARAMETER = 'accounts:gmail_used_quota_in_mb'
const WHAT = 'reading sizes'
const DAY_MS = 86_400_000
/** A day's report comes out some two days later. */
const FIRST_DAY = 2
const LAST_DAY = 6

interface RawReports {
  readonly kind?: unknown
  readonly usageReports?: unknown
  readonly nextPageToken?: unknown
}

interface RawReport {
  readonly entity?: { readonly userEmail?: unknown }
  readonly parameters?: readonly { readonly name?: unknown; readonly intValue?: unknown }[]
}

/**
 * Bytes of mail a user in the newest usage report (Reports API of the Admin SDK), by address in small letters; Google rounds to
 * megabytes. Null where the app may not read reports, or no day of the last week has one.
 */
export async function mailboxBytes(
  sdk: AdminSdk,
  tokens: TokenProvider,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number> | null> {
  for (let day = FIRST_DAY; day <= LAST_DAY; day++) {
    const date = new Date(sdk.clock.now() - day * DAY_MS).toISOString().slice(0, 10)
    try {
      const found = await readDay(sdk, tokens, date, signal)
      if (found.size > 0) return found
    } catch (error) {
      // A right that is not there is a size that is not known.
      if (isKind(error, 'auth', 'config')) return null
      // The report of that day is not out.
      if (!isKind(error, 'rejected')) throw error
    }
  }
  return null
}

async function readDay(
  sdk: AdminSdk,
  tokens: TokenProvider,
  date: string,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const bytes = new Map<string, number>()
  let pageToken: string | null = null
  do {
    const token = await tokens.token(sdk.admin, false, signal)
    const query = { parameters: PARAMETER, maxResults: '1000', pageToken }
    const path = `admin/reports/v1/usage/users/all/dates/${date}`
    const answer = (await askAdmin(sdk, token, path, query, WHAT, signal)) as RawReports | null
    if (answer?.kind !== 'admin#reports#usageReports') {
      throw new SealpostError('transient', 'Google Admin SDK: the answer is no usage report', {
        code: 'NO_REPORT',
      })
    }
    const { usageReports = [], nextPageToken } = answer
    for (const { entity, parameters } of Array.isArray(usageReports) ? (usageReports as RawReport[]) : []) {
      const megabytes = Number(parameters?.find(({ name }) => name === PARAMETER)?.intValue)
      if (typeof entity?.userEmail !== 'string' || !Number.isSafeInteger(megabytes)) continue
      bytes.set(entity.userEmail.toLowerCase(), megabytes * 1024 * 1024)
    }
    pageToken = typeof nextPageToken === 'string' && nextPageToken !== '' ? nextPageToken : null
  } while (pageToken !== null)
  return bytes
}
