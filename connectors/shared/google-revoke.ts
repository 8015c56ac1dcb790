import { isKind, throwIfAborted } from '../../src/core/errors.ts'
import type { GrantRevoker, HeldGrant, RevocationAnswer } from '../../src/core/ports.ts'
import { HttpsClient, readReply } from './https-client.ts'

/** Where Google takes tokens back (RFC 7009). */
export const GOOGLE_REVOCATION_URL = 'https://oauth2.googleapis.com/revoke'

/** How Google is reached. */
export interface GoogleRevokeOptions {
  /** Another place to ask, as tests have. */
  readonly url?: string | undefined
  /** PEM of the certificates to trust there instead of the public roots. */
  readonly ca?: Buffer | string | undefined
}

/** What Google's tokens begin with: refresh tokens, and access tokens. */
const GOOGLE_TOKEN = /^(?:1\/\/|ya29\.)[\w.~+/=-]+$/
const ANSWER_LIMIT = 64 * 1024
const CHANGE = 'the client must remove the access at myaccount.google.com/permissions'

/** Revokes tokens that Google gave out. Keys of service accounts have no endpoint: they are not its business. */
export function createGoogleRevoker(options: GoogleRevokeOptions = {}): GrantRevoker {
  const http = new HttpsClient({ what: 'Google revocation', ca: options.ca, idle: 20_000 })
  const url = new URL(options.url ?? GOOGLE_REVOCATION_URL)
  return {
    revoke: async ({ kind, text }: HeldGrant, signal): Promise<RevocationAnswer | null> => {
      if (kind !== 'token' || !GOOGLE_TOKEN.test(text().trim())) return null
      try {
        return await ask(http, url, text().trim(), signal)
      } catch (error) {
        throwIfAborted(signal)
        if (!isKind(error)) throw error
        return { revoked: false, answer: `${error.message}; ${CHANGE}` }
      } finally {
        http.close()
      }
    },
  }
}

async function ask(http: HttpsClient, url: URL, token: string, signal: AbortSignal): Promise<RevocationAnswer> {
  const reply = await http.send(
    {
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      // In the body, never in the address: addresses are logged.
      body: Buffer.from(new URLSearchParams({ token }).toString()),
    },
    signal,
  )
  const code = codeOf((await readReply(reply, ANSWER_LIMIT)).toString('utf8'))
  if (reply.status === 200) return { revoked: true, answer: 'Google answered that the token is revoked' }
  if (reply.status === 400 && code === 'invalid_token') {
    return { revoked: true, answer: 'Google answered that the token was revoked or had expired before' }
  }
  const said = `Google answered ${reply.status}${code === null ? '' : ` ${code}`}`
  return { revoked: false, answer: `${said}; ${CHANGE}` }
}

/** The word that RFC 6749 section 5.2 gives a refusal; null for any other answer. */
function codeOf(text: string): string | null {
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown }
    return typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? error : null
  } catch {
    return null
  }
}
