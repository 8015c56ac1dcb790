import { Agent } from 'node:https'
import { gmail, type gmail_v1 } from '@googleapis/gmail'
import type { Clock } from '../../src/core/clock.ts'
import { isKind, SealpostError, throwIfAborted, toSealpostError } from '../../src/core/errors.ts'
import { readReply, type HttpsClient, type HttpsReply, type HttpsRequest } from '../shared/https-client.ts'
import type { GmailEndConfig, Limits, UnitName } from './config.ts'
import { refusalOf } from './errors.ts'
import { UnitMeter } from './unit-meter.ts'

/** What each call of the library is given. */
export interface CallOptions {
  readonly headers: { readonly authorization: string }
  readonly signal: AbortSignal
  readonly retry: false
}

const ERROR_LIMIT = 256 * 1024
const FIRST_WAIT = 1_000
const LONGEST_WAIT = 64_000
/** So long after a wait without a new one, they begin anew. */
const CALM = 120_000

/** The library over our own HTTPS: its own transport asks the environment for proxies, and repeats. */
export function createService(http: HttpsClient, endpoint: string): gmail_v1.Gmail {
  return gmail({
    version: 'v1',
    rootUrl: endpoint,
    retry: false,
    // Named, else variables of the environment would be asked for another host and for a proxy.
    universeDomain: 'googleapis.com',
    agent: new Agent(),
    fetchImplementation: (input: unknown, init: RequestInit | undefined) => ownFetch(http, input, init),
  })
}

/**
 * One account at the API: its token, its units, and what is learnt of its throttling. All its sessions share one. It
 * does not retry but for one thing: a refused token is renewed once, and what it was for is asked again.
 */
export class AccountApi {
  readonly account: string
  readonly service: gmail_v1.Gmail
  readonly limits: Limits
  readonly meter: UnitMeter
  readonly #http: HttpsClient
  readonly #config: GmailEndConfig
  #throttles = 0
  /** Until when the account stays away, on the monotonic clock. */
  #awayUntil = -Infinity
  #requests = 0

  constructor(
    account: string,
    service: gmail_v1.Gmail,
    http: HttpsClient,
    config: GmailEndConfig,
    limits: Limits,
  ) {
    this.account = account
    this.service = service
    this.limits = limits
    this.meter = new UnitMeter(limits.unitsPerMinute, config.clock)
    this.#http = http
    this.#config = config
  }

  get clock(): Clock {
    return this.#config.clock
  }

  /** HTTP requests so far. */
  get requests(): number {
    return this.#requests
  }

  /** Calls a method of the library and returns its data. Throws what the answer means. */
  async call<T>(
    what: string,
    unit: UnitName,
    method: (options: CallOptions) => Promise<{ readonly data: T }>,
    signal: AbortSignal,
  ): Promise<T> {
    return this.#withToken(what, this.limits.costs[unit], signal, async (authorization) => {
      try {
        const { data } = await method({ headers: { authorization }, signal, retry: false })
        return data
      } catch (error) {
        throw this.#libraryError(error, what, signal)
      }
    })
  }

  /** Sends a request of our own with the token, and hands the answer over when it is a success (2xx, or one of `also`). */
  async send(
    what: string,
    units: number,
    request: HttpsRequest,
    also: readonly number[],
    signal: AbortSignal,
  ): Promise<HttpsReply> {
    return this.sendAndRead(what, units, request, also, async (reply) => reply, signal)
  }

  /** As `send`, and reads the answer. Where `read` throws that the token was refused, it is renewed as well and all is sent again. */
  async sendAndRead<T>(
    what: string,
    units: number,
    request: HttpsRequest,
    also: readonly number[],
    read: (reply: HttpsReply) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    return this.#withToken(what, units, signal, async (authorization) => {
      const reply = await this.#http.send({ ...request, headers: { ...request.headers, authorization } }, signal)
      if ((reply.status >= 200 && reply.status < 300) || also.includes(reply.status)) return read(reply)
      const text = (await readReply(reply, ERROR_LIMIT)).toString('utf8')
      throw refusalOf({ ...reply, body: parseJson(text) }, what, this.#config.clock.now())
    })
  }

  /** What one answer within a batch means. */
  refusal(status: number, body: unknown, what: string): SealpostError {
    return this.#noteThrottle(refusalOf({ status, headers: {}, body }, what, this.#config.clock.now()))
  }

  async #withToken<T>(
    what: string,
    units: number,
    signal: AbortSignal,
    attempt: (authorization: string) => Promise<T>,
  ): Promise<T> {
    const { tokens } = this.#config
    const once = async (force: boolean): Promise<T> => {
      throwIfAborted(signal)
      const token = await tokens.token(this.account, force, signal)
      await this.meter.take(units, signal)
      this.#requests++
      return attempt(`Bearer ${token}`)
    }
    try {
      return await once(false).catch((error: unknown) => {
        if (isKind(error, 'auth') && error.code === 'HTTP_401') return once(true)
        throw error
      })
    } catch (error) {
      throwIfAborted(signal)
      throw this.#noteThrottle(toSealpostError(error, `Gmail: ${what}`))
    }
  }

  /** Gmail often names no time: then the waits of an account double, as Google advises. Those that come at once share one. */
  #noteThrottle(error: SealpostError): SealpostError {
    if (error.kind !== 'throttled') return error
    if (error.retryAfter !== undefined) return error
    const now = this.#config.clock.monotonic()
    if (now >= this.#awayUntil) {
      this.#throttles = now - this.#awayUntil > CALM ? 0 : this.#throttles + 1
      this.#awayUntil = now + Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#throttles)
    }
    return new SealpostError('throttled', error.message, {
      retryAfter: Math.max(1, Math.ceil(this.#awayUntil - now)),
      ...(error.code === undefined ? {} : { code: error.code }),
      ...(error.serverText === undefined ? {} : { serverText: error.serverText }),
    })
  }

  /** The library's error: what it wraps of ours, or the answer. Its requests, which hold the token, are left behind. */
  #libraryError(error: unknown, what: string, signal: AbortSignal): SealpostError {
    throwIfAborted(signal)
    if (isKind(error)) return error
    if (error instanceof Error && isKind(error.cause)) return error.cause
    const { response } = error as {
      readonly response?: { readonly status: number; readonly headers: Headers; readonly data: unknown }
    }
    if (response === undefined) return toSealpostError(error, `Gmail: ${what}`)
    const body = typeof response.data === 'string' ? parseJson(response.data) : response.data
    const headers = Object.fromEntries(response.headers.entries())
    return refusalOf({ status: response.status, headers, body }, what, this.#config.clock.now())
  }
}

async function ownFetch(http: HttpsClient, input: unknown, init: RequestInit | undefined): Promise<Response> {
  const headers = Object.fromEntries(new Headers(init?.headers).entries())
  // Bodies are passed on as they come.
  delete headers['accept-encoding']
  const { body, method } = init ?? {}
  if (body !== undefined && body !== null && typeof body !== 'string') {
    throw new SealpostError('bug', 'Gmail: the library sends a body of another form than text')
  }
  const reply = await http.send(
    {
      method: (method ?? 'GET') as HttpsRequest['method'],
      url: new URL(String(input)),
      headers,
      ...(typeof body === 'string' ? { body: Buffer.from(body) } : {}),
    },
    init?.signal ?? new AbortController().signal,
  )
  const isEmpty = reply.status === 204 || reply.status === 304
  return new Response(isEmpty ? null : ReadableStream.from(reply.body), {
    status: reply.status,
    headers: reply.headers,
  })
}

/** The value of a JSON text, or the text itself where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
