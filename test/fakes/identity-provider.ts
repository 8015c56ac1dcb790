import { createHash, createPublicKey, constants, randomBytes, verify, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Certificate } from '../servers/certificates.ts'

/** A token that was given out. */
export interface GivenToken {
  readonly subject: string
  readonly scope: string
  readonly expiresAt: number
}

/** A service account that a domain may have let act for its users. */
export interface KnownServiceAccount {
  readonly email: string
  readonly publicKey: string
  /** Scopes that the domain's administrator has authorised. */
  scopes: readonly string[]
}

/** An application in a tenant. */
export interface KnownApplication {
  readonly tenant: string
  readonly clientId: string
  readonly secret?: string
  /** PEM of the certificates that were uploaded. */
  readonly certificates?: readonly string[]
  /** Whose mailbox its tokens open, for servers that ask; the application's own name unless said otherwise. */
  readonly speaksFor?: string
}

/** A scripted refusal: status and JSON, as the real service was seen to answer. */
export interface ScriptedAnswer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/**
 * A local identity provider that keeps to what Google's and Microsoft's token endpoints are documented to do: it
 * checks signatures, audiences, scopes and users, and gives out opaque tokens that it knows again (RFC 7662).
 */
export class IdentityProvider {
  readonly users = new Set<string>()
  readonly serviceAccounts: KnownServiceAccount[] = []
  readonly applications: KnownApplication[] = []
  readonly tokens = new Map<string, GivenToken>()
  /** Seconds that a token lives. */
  life = 3600
  /** Requests to token endpoints, and those for introspection. */
  asked = 0
  introspected = 0
  /** Answers that come first, whatever is asked for; all must have been used when the provider stops. */
  readonly script: ScriptedAnswer[] = []
  /** Milliseconds before an answer. */
  delay = 0
  /** The same for introspection alone: how long a server takes to log somebody in. */
  introspectionDelay = 0
  url = ''
  /** The same without TLS, for servers that introspect. */
  plainUrl = ''
  readonly #stops: (() => Promise<void>)[] = []

  async start(certificate: Certificate): Promise<void> {
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      this.#answer(request, response).catch(() => response.destroy())
    }
    const tls = { key: readFileSync(certificate.keyFile), cert: readFileSync(certificate.certificateFile) }
    for (const server of [createServer(tls, answer), createPlainServer(answer)]) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as AddressInfo
      if (this.url === '') this.url = `https://127.0.0.1:${port}`
      else this.plainUrl = `http://127.0.0.1:${port}`
      this.#stops.push(
        () =>
          new Promise((resolve) => {
            server.close(() => resolve())
            server.closeAllConnections()
          }),
      )
    }
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) await stop()
    if (this.script.length > 0) throw new Error(`${this.script.length} scripted answers were never asked for`)
  }

  /** Whom a token speaks for while it lives, or null. */
  subjectOf(token: string): GivenToken | null {
    const given = this.tokens.get(token)
    return given === undefined || given.expiresAt <= Date.now() ? null : given
  }

  /** Makes a token worthless before its time. */
  revokeAll(): void {
    this.tokens.clear()
  }

  give(subject: string, scope: string): string {
    const token = `t-${randomBytes(24).toString('base64url')}`
    this.tokens.set(token, { subject, scope, expiresAt: Date.now() + this.life * 1000 })
    return token
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const form = new URLSearchParams(Buffer.concat(pieces).toString('utf8'))
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url)
    if (this.delay > 0) await new Promise((resolve) => setTimeout(resolve, this.delay))
    if (pathname === '/introspect') {
      this.introspected++
      // It is looked at when it comes: what is held up is the answer.
      const token =
        form.get('token') ??
        searchParams.get('token') ??
        (request.headers.authorization ?? '').replace(/^Bearer /, '')
      const given = this.subjectOf(token)
      if (this.introspectionDelay > 0) await new Promise((resolve) => setTimeout(resolve, this.introspectionDelay))
      const told = given === null ? { active: false } : { active: true, email: given.subject, scope: given.scope }
      send(response, { status: 200, body: told })
      return
    }
    this.asked++
    const scripted = this.script.shift()
    if (scripted !== undefined) send(response, scripted)
    else if (pathname === '/token') send(response, this.#google(form))
    else {
      const tenant = /^\/([^/]+)\/oauth2\/v2\.0\/token$/.exec(pathname)?.[1]
      send(
        response,
        tenant === undefined ? { status: 404, body: { error: 'not_found' } } : this.#microsoft(tenant, form),
      )
    }
  }

  /** RFC 7523 as Google does it. */
  #google(form: URLSearchParams): ScriptedAnswer {
    if (form.get('grant_type') !== JWT_BEARER) return refuse('unsupported_grant_type', 'Invalid grant_type')
    const jwt = readJwt(form.get('assertion') ?? '')
    if (jwt === null) return refuse('invalid_grant', 'Invalid JWT')
    const { iss, sub, scope, aud, iat, exp } = jwt.claims as Record<string, string | number | undefined>
    const account = this.serviceAccounts.find(({ email }) => email === iss)
    if (account === undefined) return refuse('invalid_grant', 'Invalid grant: account not found')
    if (!verify('RSA-SHA256', jwt.signed, createPublicKey(account.publicKey), jwt.signature)) {
      return refuse('invalid_grant', 'Invalid JWT Signature.')
    }
    const now = Date.now() / 1000
    if (
      aud !== `${this.url}/token` ||
      Number(exp) - Number(iat) > 3600 ||
      Number(exp) < now ||
      Number(iat) > now + 60
    ) {
      const text = 'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.'
      return refuse('invalid_grant', text)
    }
    if (
      !String(scope ?? '')
        .split(' ')
        .every((each) => account.scopes.includes(each))
    ) {
      const text =
        'Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.'
      return refuse('unauthorized_client', text, 401)
    }
    if (!this.users.has(String(sub))) return refuse('invalid_grant', 'Invalid email or User ID')
    return given(this.give(String(sub), String(scope ?? '')), this.life)
  }

  /** RFC 6749 section 4.4 as Microsoft does it. */
  #microsoft(tenant: string, form: URLSearchParams): ScriptedAnswer {
    const known = this.applications.filter((each) => each.tenant === tenant)
    if (known.length === 0) {
      return refuse(
        'invalid_request',
        `AADSTS90002: Tenant '${tenant}' not found. Check to make sure it is right.`,
      )
    }
    const application = known.find(({ clientId }) => clientId === form.get('client_id'))
    if (application === undefined) {
      return refuse('unauthorized_client', `AADSTS700016: Application was not found in the directory '${tenant}'.`)
    }
    const scope = form.get('scope') ?? ''
    const asked = scope.split(' ').filter((each) => !['openid', 'profile', 'offline_access'].includes(each))
    if (asked.length !== 1 || !asked[0]?.endsWith('/.default')) {
      return refuse('invalid_scope', `AADSTS1002012: The provided value for scope ${scope} is not valid.`)
    }
    const assertion = form.get('client_assertion')
    if (assertion === null) {
      if (application.secret === undefined || form.get('client_secret') !== application.secret) {
        return refuse('invalid_client', 'AADSTS7000215: Invalid client secret provided.', 401)
      }
    } else if (!isSignedBy(assertion, application.certificates ?? [], `${this.url}/${tenant}/oauth2/v2.0/token`)) {
      return refuse('invalid_client', 'AADSTS700027: The certificate is not registered on the application.', 401)
    }
    return given(this.give(application.speaksFor ?? application.clientId, scope), this.life)
  }
}

function isSignedBy(assertion: string, certificates: readonly string[], audience: string): boolean {
  const jwt = readJwt(assertion)
  if (jwt === null || jwt.claims['aud'] !== audience || Number(jwt.claims['exp']) * 1000 < Date.now()) return false
  return certificates.some((pem) => {
    const certificate = new X509Certificate(pem)
    const print = createHash('sha256').update(certificate.raw).digest('base64url')
    if (jwt.header['x5t#S256'] !== print || jwt.header['alg'] !== 'PS256') return false
    const key = { key: certificate.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
    return verify('RSA-SHA256', jwt.signed, key, jwt.signature)
  })
}

function readJwt(text: string): {
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  readonly signed: Buffer
  readonly signature: Buffer
} | null {
  const [header, claims, signature] = text.split('.')
  if (header === undefined || claims === undefined || signature === undefined) return null
  const decode = (part: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>
  return {
    header: decode(header),
    claims: decode(claims),
    signed: Buffer.from(`${header}.${claims}`),
    signature: Buffer.from(signature, 'base64url'),
  }
}

function given(token: string, life: number): ScriptedAnswer {
  return {
    status: 200,
    body: { access_token: token, expires_in: life, ext_expires_in: life, token_type: 'Bearer' },
  }
}

function refuse(error: string, description: string, status = 400): ScriptedAnswer {
  return { status, body: { error, error_description: description } }
}

function send(response: ServerResponse, answer: ScriptedAnswer): void {
  const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)
  response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
  response.end(text)
}
