import type { Clock } from '../../src/core/clock.ts'
import type { HttpsClient } from '../shared/https-client.ts'
import { readReply } from '../shared/https-client.ts'
import { parseJson } from './api.ts'
import { refusalOf } from './errors.ts'

/** How the Admin SDK of one customer is asked. */
export interface AdminSdk {
  readonly http: HttpsClient
  readonly clock: Clock
  /** The administrator for whom the service account acts. */
  readonly admin: string
  /** Ends in a slash. */
  readonly endpoint: string
}

const ANSWER_LIMIT = 8 * 1024 * 1024

/** Asks one question that only reads. Throws what the table of errors.ts makes of a refusal. */
export async function askAdmin(
  sdk: AdminSdk,
  token: string,
  path: string,
  query: Readonly<Record<string, string | null>>,
  what: string,
  signal: AbortSignal,
): Promise<unknown> {
  const url = new URL(path, sdk.endpoint)
  for (const [name, value] of Object.entries(query)) if (value !== null) url.searchParams.set(name, value)
  const headers = { authorization: `Bearer ${token}` }
  const reply = await sdk.http.send({ method: 'GET', url, headers }, signal)
  const body = parseJson((await readReply(reply, ANSWER_LIMIT)).toString('utf8'))
  if (reply.status !== 200) throw refusalOf({ ...reply, body }, what, sdk.clock.now())
  return body
}
