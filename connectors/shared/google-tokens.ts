import { createPrivateKey } from 'node:crypto'
import { gaxios, JWT } from 'google-auth-library'
import type { Clock } from '../../src/core/clock.ts'
import { SealpostError } from '../../src/core/errors.ts'
import type { TokenProvider } from '../../src/core/ports.ts'
import { HttpsClient, readReply } from './https-client.ts'
import { googleRefusal, passingRefusal } from './oauth-refusals.ts'
import { GOOGLE_TOKEN_URL } from './sign-in-places.ts'
import { createTokenCache, type IssuedToken } from './token-cache.ts'

/** A service account that acts for the users of a domain (domain-wide delegation). */
export interface GoogleTokenOptions {
  /** The name of the credential, for messages. */
  readonly credential: string
  /** The key file of the service account, JSON, as Google Cloud made it. Lent while a token is asked for. */
  readonly serviceAccount: () => Promise<{ text(): string }>
  readonly scopes: readonly string[]
  readonly clock: Clock
  /** Another place to ask, as tests have. */
  readonly tokenUrl?: string | undefined
  /** PEM of the certificates to trust there instead of the public roots. */
  readonly ca?: Buffer | string | undefined
  /** Whom each token speaks for; the account itself unless said otherwise. */
  readonly subjectOf?: ((account: string) => string) | undefined
}

interface ServiceAccount {
  readonly email: string
  readonly key: string
  /** The number that the domain's administrator authorises. */
  readonly clientId: string
}

const ANSWER_LIMIT = 1024 * 1024

/**
 * Tokens of a Google service account, one a user, by the JWT bearer grant (RFC 7523). They are kept in memory only.
 * `token` throws `auth` with the setting to change, `config` for a key that is none, `transient` for the network.
 */
export function createGoogleTokens(options: GoogleTokenOptions): TokenProvider {
  const http = new HttpsClient({ what: 'Google sign-in', ca: options.ca })
  const url = options.tokenUrl ?? GOOGLE_TOKEN_URL
  const issue = async (account: string, signal: AbortSignal): Promise<IssuedToken> => {
    const key = readServiceAccount((await options.serviceAccount()).text(), options.credential)
    const subject = options.subjectOf?.(account) ?? account
    const transporter = new OwnTransport(http, url, signal, (status, answer, text) =>
      googleRefusal(status, answer, text, { subject, credential: options.credential, clientId: key.clientId }),
    )
    const client = new JWT({
      email: key.email,
      key: key.key,
      scopes: [...options.scopes],
      subject,
      additionalClaims: { aud: url },
      transporter,
    })
    const { access_token: token, expiry_date: expiry } = await client.authorize()
    if (typeof token !== 'string' || token === '') throw noToken()
    return { token, life: Math.max(0, (expiry ?? options.clock.now()) - options.clock.now()) }
  }
  return createTokenCache(issue, options.clock, options.subjectOf !== undefined)
}

/**
 * Carries the library's one request over our own HTTPS: its own transport would look for proxies in the environment
 * and repeat what failed.
 */
class OwnTransport extends gaxios.Gaxios {
  readonly #http: HttpsClient
  readonly #url: string
  readonly #signal: AbortSignal
  readonly #refuse: (status: number, answer: unknown, text: string) => SealpostError

  constructor(
    http: HttpsClient,
    url: string,
    signal: AbortSignal,
    refuse: (status: number, answer: unknown, text: string) => SealpostError,
  ) {
    super()
    this.#http = http
    this.#url = url
    this.#signal = signal
    this.#refuse = refuse
  }

  override async request<T>(options: gaxios.GaxiosOptions = {}): gaxios.GaxiosPromise<T> {
    const form: unknown = options.data
    if (!(form instanceof URLSearchParams))
      throw new SealpostError('bug', 'the library asks for something unknown')
    const reply = await this.#http.send(
      {
        method: 'POST',
        url: new URL(this.#url),
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
        body: Buffer.from(form.toString()),
      },
      this.#signal,
    )
    const text = (await readReply(reply, ANSWER_LIMIT)).toString('utf8')
    const answer = parseJson(text)
    if (reply.status !== 200) {
      throw passingRefusal('Google sign-in', reply) ?? this.#refuse(reply.status, answer, text)
    }
    return { data: answer } as unknown as gaxios.GaxiosResponse<T>
  }
}

/** Reads the key file of a service account. Throws `config` for what is none; nothing of it is repeated. */
export function readServiceAccount(text: string, credential: string): ServiceAccount {
  const hint = `sealpost credentials set ${credential} --kind service-account --secret-file KEY.json`
  const parsed = parseJson(text)
  const fields = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Readonly<Record<string, unknown>>
  const { type, client_email: email, private_key: key, client_id: clientId } = fields
  if (type !== 'service_account' || typeof email !== 'string' || typeof key !== 'string') {
    throw new SealpostError('config', `credential "${credential}" is no key file of a Google service account`, {
      hint,
      code: 'BAD_KEY_FILE',
    })
  }
  try {
    createPrivateKey(key)
  } catch {
    throw new SealpostError('config', `credential "${credential}" holds a private key that cannot be read`, {
      hint,
      code: 'BAD_KEY_FILE',
    })
  }
  return {
    email,
    key,
    clientId: typeof clientId === 'string' ? clientId : email,
  }
}

/** The value of a JSON text, or null for what is none. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return null
  }
}

function noToken(): SealpostError {
  return new SealpostError('transient', 'Google sign-in: the answer holds no token', { code: 'NO_TOKEN' })
}
