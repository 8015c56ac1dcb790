import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { TLSSocket } from 'node:tls'
import { isKind, SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import type { Body } from '../../src/core/mail.ts'
import { drained } from './drained.ts'
import { announcedBytes, exactPieces } from './exact-body.ts'
import { connectError } from './network-errors.ts'
import { tlsOptions } from './tls.ts'

/** How a service is reached. */
export interface HttpsOptions {
  /** What is reached, as messages name it. */
  readonly what: string
  /** PEM of the certificates to trust instead of the public roots. */
  readonly ca?: Buffer | string | undefined
  /** SHA-256 of the certificate or its public key, for a client that reaches one host alone. */
  readonly pin?: string | undefined
  /** Milliseconds without a byte in either direction after which a connection is given up; 120 s. */
  readonly idle?: number | undefined
  /** Connections at once to one host; 8. */
  readonly connections?: number | undefined
}

/** One request. Headers hold no Content-Length: it comes from the body. */
export interface HttpsRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array | Body | undefined
  /** Called just before the last byte is handed to the socket: from then on the server may have acted. */
  readonly onHandingOver?: (() => void) | undefined
}

/** One answer. The body must be read to its end or given up with `discard`. */
export interface HttpsReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /**
   * Throws `transient` unless its end was confirmed, by its length or by the last chunk (RFC 9112 section 8), and
   * `cancelled` when the signal is aborted.
   */
  readonly body: AsyncIterable<Uint8Array>
  discard(): void
}

const IDLE = 120_000
const CONNECTIONS = 8
/** A kept connection that has rested so long may be closed by its server just when it is used. */
const REST = 15_000

/**
 * HTTPS with one policy: TLS 1.2 at least, certificate verified, no proxy, nothing of the environment, no redirect
 * followed, nothing repeated. Throws `config` for TLS that cannot be trusted, `transient` for a network that fails.
 */
export class HttpsClient {
  readonly #options: HttpsOptions
  readonly #agent: Agent

  constructor(options: HttpsOptions) {
    this.#options = options
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.connections ?? CONNECTIONS, timeout: REST })
  }

  /** Sends one request and resolves when the head of the answer is there, whatever its status. */
  async send(request: HttpsRequest, signal: AbortSignal): Promise<HttpsReply> {
    throwIfAborted(signal)
    const { url } = request
    const { what, ca, pin, idle } = this.#options
    if (url.protocol !== 'https:') {
      throw new SealpostError('config', `${what}: ${url.protocol}//${url.host} is no https address`, {
        code: 'PLAINTEXT',
      })
    }
    const place = { host: url.hostname, port: Number(url.port || 443) }
    const fail = (error: unknown): SealpostError => {
      throwIfAborted(signal)
      return connectError(error, place, what)
    }
    const length = request.body === undefined ? null : announcedBytes(request.body)
    const sent = httpsRequest(url, {
      ...tlsOptions({ mode: 'implicit', ca, pin }, place.host),
      agent: this.#agent,
      method: request.method,
      headers: { ...request.headers, ...(length === null ? {} : { 'content-length': String(length) }) },
      timeout: idle ?? IDLE,
      signal,
    })
    sent.on('timeout', () => sent.destroy(Object.assign(new Error('no byte in time'), { code: 'ETIMEDOUT' })))
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      sent.once('response', resolve)
      sent.on('error', reject)
    })
    answered.catch(() => undefined)
    const written = write(sent, request, answered, signal)
    written.catch(() => undefined)
    try {
      // An answer may come before the body has gone out: then the rest is not sent.
      const reply = await Promise.race([answered, written.then(() => answered)])
      return { ...headOf(reply), body: piecesOf(reply, fail), discard: () => void reply.destroy() }
    } catch (error) {
      sent.destroy()
      throw fail(error)
    }
  }

  /** Ends the connections that rest. Twice is safe. */
  close(): void {
    this.#agent.destroy()
  }
}

/** Reads a body whole. Throws `transient` when it is longer than `limit` bytes, and what reading throws. */
export async function readReply(reply: HttpsReply, limit: number): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of reply.body) {
    bytes += piece.length
    if (bytes > limit) {
      reply.discard()
      throw new SealpostError('transient', `an answer is longer than ${limit} bytes`, { code: 'TOO_LONG' })
    }
    pieces.push(piece)
  }
  return Buffer.concat(pieces, bytes)
}

async function write(
  sent: ClientRequest,
  request: HttpsRequest,
  answered: Promise<IncomingMessage>,
  signal: AbortSignal,
): Promise<void> {
  await Promise.race([connected(sent), answered])
  let held: Uint8Array | null = null
  for await (const piece of request.body === undefined ? [] : exactPieces(request.body, signal)) {
    if (held !== null && !sent.write(held)) await Promise.race([drained(sent), answered])
    if (sent.destroyed) return
    held = piece
  }
  throwIfAborted(signal)
  request.onHandingOver?.()
  sent.end(held ?? undefined)
}

/** Resolves when TLS is up: nothing was sent before. */
function connected(sent: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    sent.once('socket', (socket) => {
      if (socket.connecting || !(socket instanceof TLSSocket) || socket.getProtocol() === null)
        socket.once('secureConnect', resolve)
      else resolve()
    })
  })
}

function headOf(reply: IncomingMessage): Pick<HttpsReply, 'status' | 'headers'> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(reply.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return { status: reply.statusCode ?? 0, headers }
}

async function* piecesOf(
  reply: IncomingMessage,
  fail: (error: unknown) => SealpostError,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of reply as AsyncIterable<Buffer>) yield piece
  } catch (error) {
    throw isKind(error) ? error : fail(error)
  }
  const { 'content-length': length, 'transfer-encoding': coding } = reply.headers
  const isFramed = length !== undefined || coding !== undefined || reply.statusCode === 204
  if (!reply.complete || !isFramed) throw fail({ code: 'ECONNRESET' })
}
