import { Client, ResponseType, type Context, type GraphRequest } from '@microsoft/microsoft-graph-client'
import type { Clock } from '../../src/core/clock.ts'
import { isKind, SealpostError, toSealpostError } from '../../src/core/errors.ts'
import type { TokenProvider } from '../../src/core/ports.ts'
import { readReply, type HttpsClient, type HttpsReply } from '../shared/https-client.ts'
import { errorOf, refusalOf } from './errors.ts'
import type { Json } from './json.ts'
import type { RequestGate } from './request-gate.ts'

/** A request of ours. `path` begins with `/` and has no version, or is a whole link that Graph gave us. */
export interface GraphCall {
  readonly method: 'GET' | 'POST' | 'PATCH'
  readonly path: string
  /** What is tried, for errors; holds no mail and no address. */
  readonly what: string
  /** Sent as JSON. */
  readonly json?: Json
  /** Sent as `text/plain`, which is how Graph takes MIME. */
  readonly text?: string
  /** It is a batch, whose requests are carried out several at a time. */
  readonly whole?: boolean
  /** How many items a page of a delta may hold; the server decides where it is left out. */
  readonly pageItems?: number
  /** Called before the last byte is handed to the socket. */
  readonly onHandingOver?: () => void
}

/** An answer with its status and its JSON; null where it has none. */
export interface GraphReply {
  readonly status: number
  readonly body: Json
}

/** What a client needs. */
export interface ClientFacts {
  readonly host: string
  readonly port: number
  readonly account: string
  readonly tokens: TokenProvider
  readonly clock: Clock
  readonly http: HttpsClient
  /** For hosts that sessions of uploads and imports lead to. */
  readonly sessionHttp: HttpsClient
  readonly gate: RequestGate
}

/** Keys that survive a move within the mailbox, on every request (learn.microsoft.com: outlook-immutable-id). */
const IMMUTABLE = 'IdType="ImmutableId"'
const VERSION = 'v1.0'
/** An answer in JSON that is longer is none of ours. */
const MAX_JSON_BYTES = 64 * 1024 * 1024

/**
 * Graph for one account, by Microsoft's library, with what a migrator cannot use of it shut off here and nowhere else:
 *
 * - its default chain retries, caps Retry-After at 180 seconds and looks into no batch: our one middleware sends once;
 * - it fetches by the global `fetch`, with the machine's trust: ours goes through connectors/shared/tls.ts, and no redirect is
 *   followed;
 * - it decodes `$value` as UTF-8, which destroys 8-bit mail: every answer is taken RAW, and bytes stay bytes;
 * - it sends a stream as `{}` and a view of a buffer with all that lies around it: it is given text and nothing else;
 * - it drops the token silently where it does not know the host: the token is set here, and a link that leads to another host
 *   is refused before a token could go there;
 * - RAW answers are not checked: what is not 2xx is made an error here, and whoever creates something checks for 201 himself.
 *
 * A refused token is asked for once more (`force`) and the request sent again: nothing was done with it. Throws as the table in
 * errors.ts says, `transient` for a network that fails, `cancelled`.
 */
export class GraphClient {
  readonly #facts: ClientFacts
  readonly #base: string

  constructor(facts: ClientFacts) {
    this.#facts = facts
    this.#base = `https://${facts.host}${facts.port === 443 ? '' : `:${facts.port}`}/`
  }

  /** Whose mailbox it is. */
  get account(): string {
    return this.#facts.account
  }

  /** The place of the account's mailbox in paths. */
  get user(): string {
    return `/users/${encodeURIComponent(this.#facts.account)}`
  }

  /** True for a link that leads to this service, the only kind that is ever sent a token. */
  leadsHere(link: string): boolean {
    return link.startsWith(`${this.#base}${VERSION}/`)
  }

  /** Sends a call whose answer is JSON, or nothing. */
  async call(call: GraphCall, signal: AbortSignal): Promise<GraphReply> {
    const leave = await this.#facts.gate.enter(signal, call.whole === true)
    try {
      const answer = await this.#send(call, signal)
      return { status: answer.status, body: await readJson(answer, call.what) }
    } finally {
      leave()
    }
  }

  /** Has the token renewed that was refused within a batch, which itself it had let in. */
  async renewToken(signal: AbortSignal): Promise<void> {
    await this.#facts.tokens.token(this.account, true, signal)
  }

  /** As `call` for reading, and gives the body alone. */
  async get(path: string, what: string, signal: AbortSignal): Promise<Json> {
    return (await this.call({ method: 'GET', path, what }, signal)).body
  }

  /**
   * Opens a body of bytes. A place at the gate is held until it is read to its end or `discard` is called: one of both must be
   * done. `bytes` is null where the server does not say.
   */
  async open(
    path: string,
    what: string,
    signal: AbortSignal,
  ): Promise<{
    readonly bytes: number | null
    readonly pieces: AsyncIterable<Uint8Array>
    readonly discard: () => void
  }> {
    const leave = await this.#facts.gate.enter(signal)
    try {
      const answer = await this.#send({ method: 'GET', path, what }, signal)
      const discard = (): void => {
        answer.discard()
        leave()
      }
      return { bytes: lengthOf(answer), pieces: releasing(answer.body, leave), discard }
    } catch (error) {
      leave()
      throw error
    }
  }

  /**
   * Reads text that Graph has elsewhere: it answers with an address that carries its own leave, which is asked without our
   * token. Throws as `call`.
   */
  async getElsewhere(path: string, what: string, signal: AbortSignal): Promise<string> {
    const leave = await this.#facts.gate.enter(signal)
    try {
      const first = await this.#send({ method: 'GET', path, what }, signal)
      const { location } = first.headers
      if (first.status === 200 || location === undefined)
        return (await readReply(first, MAX_JSON_BYTES)).toString('utf8')
      first.discard()
      const url = parseUrl(location, what)
      const answer = await this.#facts.sessionHttp.send({ method: 'GET', url, headers: {} }, signal)
      if (answer.status >= 300) throw await this.#refused(answer, what)
      return (await readReply(answer, MAX_JSON_BYTES)).toString('utf8')
    } finally {
      leave()
    }
  }

  /**
   * Sends bytes or JSON to an address that carries its own leave (an upload or import session), without our token. It is opaque
   * and secret: it stands in no error. Throws as `call`.
   */
  async sendToSession(
    request: {
      readonly method: 'PUT' | 'POST'
      readonly url: string
      readonly what: string
      readonly body: Uint8Array
      readonly headers: Readonly<Record<string, string>>
      readonly onHandingOver?: () => void
    },
    signal: AbortSignal,
  ): Promise<GraphReply> {
    const { method, what, body, headers, onHandingOver } = request
    const leave = await this.#facts.gate.enter(signal)
    try {
      const exact = Buffer.from(body)
      const url = parseUrl(request.url, what)
      const handing = onHandingOver === undefined ? {} : { onHandingOver }
      const answer = await this.#facts.sessionHttp.send({ method, url, headers, body: exact, ...handing }, signal)
      return { status: answer.status, body: await this.#checked(answer, what) }
    } finally {
      leave()
    }
  }

  async #send(call: GraphCall, signal: AbortSignal): Promise<HttpsReply> {
    const first = await this.#sendOnce(call, false, signal)
    if (first.status < 400) return first
    const error = await this.#refused(first, call.what)
    if (!isKind(error, 'auth') || first.status !== 401) throw error
    const second = await this.#sendOnce(call, true, signal)
    if (second.status >= 400) throw await this.#refused(second, call.what)
    return second
  }

  async #sendOnce(call: GraphCall, force: boolean, signal: AbortSignal): Promise<HttpsReply> {
    const { tokens, account, http } = this.#facts
    const token = await tokens.token(account, force, signal)
    const came: { answer: HttpsReply | null; error: unknown } = { answer: null, error: null }
    const send = async (context: Context): Promise<void> => {
      const options = context.options ?? {}
      const body = typeof options.body === 'string' ? Buffer.from(options.body, 'utf8') : undefined
      const headers = { ...(options.headers as Record<string, string>), Authorization: `Bearer ${token}` }
      const url = parseUrl(String(context.request), call.what)
      if (!url.href.startsWith(this.#base)) throw foreign(call.what)
      const handing = call.onHandingOver === undefined ? {} : { onHandingOver: call.onHandingOver }
      came.answer = await http.send({ method: call.method, url, headers, body, ...handing }, signal)
      // The library wants an answer to hand back; what is read is the one above.
      context.response = new Response(null)
    }
    // The library makes errors of its own of what is thrown here.
    const execute = (context: Context): Promise<void> =>
      send(context).catch((error: unknown) => {
        came.error = error
        throw error
      })
    const library = Client.initWithMiddleware({
      middleware: { execute },
      baseUrl: this.#base,
      defaultVersion: VERSION,
    })
    const path = this.#pathOf(call)
    try {
      await dispatch(library.api(path), call)
    } catch (error) {
      throw toSealpostError(came.error ?? error, `graph: ${call.what}`)
    }
    if (came.answer === null) throw new SealpostError('bug', 'graph: a request was not sent')
    return came.answer
  }

  /** A link of Graph's is followed only where it leads to Graph. */
  #pathOf(call: GraphCall): string {
    if (call.path.startsWith('/')) return call.path
    if (!this.leadsHere(call.path)) throw foreign(call.what)
    return call.path.slice(`${this.#base}${VERSION}`.length)
  }

  async #checked(answer: HttpsReply, what: string): Promise<Json> {
    if (answer.status >= 400) throw await this.#refused(answer, what)
    return readJson(answer, what)
  }

  async #refused(answer: HttpsReply, what: string): Promise<SealpostError> {
    // What is no JSON is a proxy's page; the status says enough.
    const body = await readJson(answer, what).catch((error: unknown) => {
      if (isKind(error, 'cancelled')) throw error
      return null
    })
    const header = answer.headers['retry-after']
    return errorOf(refusalOf(answer.status, body, header ?? null, this.#facts.clock.now()), what)
  }
}

async function dispatch(request: GraphRequest, call: GraphCall): Promise<void> {
  request.responseType(ResponseType.RAW).header('Prefer', preferOf(call)).header('Accept', 'application/json')
  if (call.text !== undefined) request.header('Content-Type', 'text/plain')
  const body = call.text ?? (call.json === undefined ? undefined : JSON.stringify(call.json))
  if (call.method === 'GET') await request.get()
  else if (call.method === 'PATCH') await request.patch(body)
  else await request.post(body ?? '')
}

function preferOf({ pageItems }: GraphCall): string {
  return pageItems === undefined ? IMMUTABLE : `${IMMUTABLE}, odata.maxpagesize=${pageItems}`
}

async function* releasing(pieces: AsyncIterable<Uint8Array>, leave: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces
  } finally {
    leave()
  }
}

function lengthOf({ headers }: HttpsReply): number | null {
  const length = headers['content-length']
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : null
}

async function readJson(answer: HttpsReply, what: string): Promise<Json> {
  const bytes = await readReply(answer, MAX_JSON_BYTES)
  if (bytes.length === 0) return null
  try {
    return JSON.parse(bytes.toString('utf8')) as Json
  } catch {
    throw new SealpostError('transient', `graph: ${what}: the answer is no JSON`, { code: 'PROTOCOL' })
  }
}

function parseUrl(text: string, what: string): URL {
  try {
    return new URL(text)
  } catch {
    throw foreign(what)
  }
}

function foreign(what: string): SealpostError {
  return new SealpostError('transient', `graph: ${what}: a link of the server leads elsewhere`, {
    code: 'FOREIGN_LINK',
  })
}
