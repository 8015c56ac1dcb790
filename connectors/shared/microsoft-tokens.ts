import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { ConfidentialClientApplication, LogLevel, type Configuration } from '@azure/msal-node'
import { formatInstant, type Clock } from '../../src/core/clock.ts'
import { SealpostError, toSealpostError } from '../../src/core/errors.ts'
import type { TokenProvider } from '../../src/core/ports.ts'
import { HttpsClient, readReply } from './https-client.ts'
import { microsoftRefusal, passingRefusal } from './oauth-refusals.ts'
import { MICROSOFT_AUTHORITY } from './sign-in-places.ts'
import { createTokenCache, type IssuedToken } from './token-cache.ts'

/** An application that signs in as itself (client credentials, RFC 6749 section 4.4). */
export interface MicrosoftTokenOptions {
  readonly tenant: string
  readonly clientId: string
  /** The name of the credential, for messages. */
  readonly credential: string
  /** A client secret, or PEM with a certificate and its private key. Lent while a token is asked for. */
  readonly secret: () => Promise<{ text(): string }>
  readonly scope: string
  readonly clock: Clock
  /** Another place to ask: a national cloud, or that of a test. */
  readonly authority?: string | undefined
  /** PEM of the certificates to trust there instead of the public roots. */
  readonly ca?: Buffer | string | undefined
}

/** The error of ours that ended a request. */
interface Heard {
  error: SealpostError | null
}

const ANSWER_LIMIT = 1024 * 1024

/**
 * Tokens of an application, one for all accounts, kept in memory only. `token` throws `auth` or `config` with the
 * setting to change, `transient` for the network.
 */
export function createMicrosoftTokens(options: MicrosoftTokenOptions): TokenProvider {
  const { clock } = options
  const http = new HttpsClient({ what: 'Microsoft sign-in', ca: options.ca })
  const issue = async (_account: string, signal: AbortSignal): Promise<IssuedToken> => {
    // A library client of its own each time: it would keep secret and tokens for as long as it lives.
    // It wraps what its network throws and loses what we need of it.
    const heard: Heard = { error: null }
    const configuration = await configurationOf(options, http, heard, signal)
    try {
      const client = new ConfidentialClientApplication(configuration)
      const result = await client.acquireTokenByClientCredential({
        scopes: [options.scope],
        skipCache: true,
        // Else a variable of the environment could send the request to another host.
        azureRegion: 'DisableMsalForceRegion',
      })
      const expires = result?.expiresOn?.getTime()
      if (result === null || result.accessToken === '' || expires === undefined) {
        throw new SealpostError('transient', 'Microsoft sign-in: the answer holds no token', { code: 'NO_TOKEN' })
      }
      return { token: result.accessToken, life: Math.max(0, expires - clock.now()) }
    } catch (error) {
      throw heard.error ?? toSealpostError(error, 'Microsoft sign-in')
    }
  }
  return createTokenCache(issue, clock, true)
}

async function configurationOf(
  options: MicrosoftTokenOptions,
  http: HttpsClient,
  heard: Heard,
  signal: AbortSignal,
): Promise<Configuration> {
  const { tenant, clientId, clock, credential } = options
  const host = new URL(options.authority ?? MICROSOFT_AUTHORITY)
  const authority = `${host.origin}/${encodeURIComponent(tenant)}`
  const askOnce = async (
    method: 'GET' | 'POST',
    url: string,
    body: string | undefined,
    headers: Readonly<Record<string, string>> = {},
  ) => {
    const request = {
      method,
      url: new URL(url),
      headers,
      ...(body === undefined ? {} : { body: Buffer.from(body) }),
    }
    const reply = await http.send(request, signal)
    const text = (await readReply(reply, ANSWER_LIMIT)).toString('utf8')
    const passing = passingRefusal('Microsoft sign-in', reply)
    if (passing !== null) throw passing
    const answer: unknown = text.startsWith('{') ? JSON.parse(text) : null
    if (reply.status !== 200) {
      throw microsoftRefusal(reply.status, answer, text, { tenant, clientId, credential, scope: options.scope })
    }
    return { status: reply.status, headers: { ...reply.headers }, body: answer }
  }
  const ask = (...request: Parameters<typeof askOnce>): ReturnType<typeof askOnce> =>
    askOnce(...request).catch((error: unknown) => {
      heard.error = toSealpostError(error, 'Microsoft sign-in')
      throw error
    })
  return {
    auth: {
      clientId,
      authority,
      knownAuthorities: [host.host],
      // Known beforehand, so that no discovery is asked for.
      authorityMetadata: JSON.stringify({
        authorization_endpoint: `${authority}/oauth2/v2.0/authorize`,
        token_endpoint: `${authority}/oauth2/v2.0/token`,
        issuer: `${authority}/v2.0`,
        jwks_uri: `${authority}/discovery/v2.0/keys`,
      }),
      ...secretOf((await options.secret()).text(), credential, clock),
    },
    system: {
      networkClient: {
        // Its types promise whatever type the library asks for.
        sendGetRequestAsync: (url, sent) => ask('GET', url, undefined, sent?.headers) as Promise<never>,
        sendPostRequestAsync: (url, sent) => ask('POST', url, sent?.body, sent?.headers) as Promise<never>,
      },
      disableInternalRetries: true,
      loggerOptions: { loggerCallback: () => undefined, piiLoggingEnabled: false, logLevel: LogLevel.Error },
    },
  }
}

/** The certificate of an application, and its private key. */
interface ClientCertificate {
  readonly certificate: X509Certificate
  readonly certificatePem: string
  readonly key: KeyObject
}

/** Reads PEM with a certificate and its private key. Throws `config` for half of a pair, and for what is none; nothing of it is repeated. */
export function readClientCertificate(text: string, credential: string): ClientCertificate {
  const blocks = blocksOf(text)
  const certificatePem = blocks.find((block) => block.startsWith('-----BEGIN CERTIFICATE-'))
  const keyPem = blocks.find((block) => /^-----BEGIN [A-Z ]*PRIVATE KEY-/.test(block))
  const bad = (what: string): SealpostError =>
    new SealpostError('config', `credential "${credential}" ${what}`, {
      hint: 'it must be PEM with the certificate and its private key, without a passphrase',
      code: 'BAD_CERTIFICATE',
    })
  if (certificatePem === undefined) throw bad('holds no certificate')
  if (keyPem === undefined) throw bad('holds no private key')
  const certificate = readOr(
    () => new X509Certificate(certificatePem),
    bad('holds a certificate that cannot be read'),
  )
  const key = readOr(() => createPrivateKey(keyPem), bad('holds a private key that cannot be read'))
  if (!certificate.checkPrivateKey(key)) throw bad('holds a key that is not its certificate’s')
  return { certificate, certificatePem, key }
}

function blocksOf(text: string): readonly string[] {
  return text.match(/-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g) ?? []
}

/** What the credential is: PEM with certificate and key, or a secret. Throws `config` for half of a pair, `auth` for an expired one. */
function secretOf(text: string, credential: string, clock: Clock): Partial<Configuration['auth']> {
  if (blocksOf(text).length === 0) return { clientSecret: text.trim() }
  const { certificate, certificatePem, key } = readClientCertificate(text, credential)
  const expiry = Date.parse(certificate.validTo)
  if (expiry <= clock.now()) {
    throw new SealpostError(
      'auth',
      `Microsoft sign-in: the certificate of credential "${credential}" expired at ${formatInstant(expiry)}`,
      {
        hint: `upload a new one to the application and set it: sealpost credentials set ${credential}`,
        code: 'CERTIFICATE_EXPIRED',
      },
    )
  }
  return {
    clientCertificate: {
      thumbprintSha256: certificate.fingerprint256.replaceAll(':', ''),
      privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      x5c: certificatePem,
    },
  }
}

function readOr<T>(read: () => T, error: SealpostError): T {
  try {
    return read()
  } catch {
    throw error
  }
}
