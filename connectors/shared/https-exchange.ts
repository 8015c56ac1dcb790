import { Agent, request, type RequestOptions } from 'node:https'
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Clock } from '../../src/core/clock.ts'
import { SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import { connectError } from './network-errors.ts'
import { tlsOptions, type TlsPolicy } from './tls.ts'

/** One request, whole. */
export interface HttpsRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | null
  /** Called before the last byte is handed to the socket: from then on the outcome may be unknown. */
  readonly onHandingOver?: () => void
}

/** The head of an answer, and its body as it comes. */
export interface HttpsAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** What the answer says of its length, null where it says nothing. */
  readonly bytes: number | null
  /** Reads once. Throws `transient` unless the end was confirmed by length or by the last chunk (RFC 9112 section 8). */
  readonly pieces: AsyncIterable<Uint8Array>
  /** Gives an answer up that is not going to be read; its connection with it. Twice is safe, and so is after reading. */
  discard(): void
}

/** What an exchange needs beside the request. */
export interface HttpsPolicy {
  readonly tls: TlsPolicy
  readonly clock: Clock
  /** Milliseconds without a byte of progress after which the connection is given up. */
  readonly idleMs: number
}

/**
 * HTTPS over kept connections: TLS 1.2 at least and a verified certificate (connectors/shared/tls.ts), no redirect followed,
 * nothing tried twice. The pin of the policy holds for `pinnedHost` alone: other hosts have other certificates.
 */
export class HttpsExchange {
  readonly #policy: HttpsPolicy
  readonly #pinnedHost: string
  readonly #agents = new Map<string, Agent>()

  constructor(policy: HttpsPolicy, pinnedHost: string) {
    this.#policy = policy
    this.#pinnedHost = pinnedHost
  }

  /**
   * Sends a request and returns when the head of the answer has come, whatever its status. Throws `config` for TLS that
   * cannot be trusted, `transient` for a network that fails, `cancelled` when the signal is aborted.
   */
  async send(message: HttpsRequest, signal: AbortSignal): Promise<HttpsAnswer> {
    throwIfAborted(signal)
    const { url } = message
    if (url.protocol !== 'https:') {
      throw new SealpostError('config', `${url.hostname}: a request without TLS is refused`, { code: 'PLAINTEXT' })
    }
    const place = { host: url.hostname, port: Number(url.port === '' ? 443 : url.port) }
    const watch = new Watch(this.#policy.clock, this.#policy.idleMs)
    try {
      const incoming = await this.#exchange(message, watch, signal)
      return {
        status: incoming.statusCode ?? 0,
        headers: incoming.headers,
        bytes: lengthOf(incoming.headers),
        pieces: confirmedPieces(incoming, watch, place, signal),
        discard: () => {
          watch.stop()
          incoming.destroy()
        },
      }
    } catch (error) {
      watch.stop()
      throwIfAborted(signal)
      throw connectError(watch.isLate ? { code: 'ETIMEDOUT' } : error, place, 'HTTPS')
    }
  }

  /** Ends the kept connections. Twice is safe. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy()
    this.#agents.clear()
  }

  #exchange(message: HttpsRequest, watch: Watch, signal: AbortSignal): Promise<IncomingMessage> {
    const { url, method, headers, body } = message
    const length = body === null && method === 'GET' ? {} : { 'content-length': String(body?.length ?? 0) }
    const options: RequestOptions = {
      method,
      headers: { ...headers, 'accept-encoding': 'identity', ...length },
      agent: this.#agentOf(url.hostname),
      signal,
    }
    return new Promise((resolve, reject) => {
      const sending = request(url, options)
      watch.start(() => sending.destroy(new Error('no answer in time')))
      sending.on('error', reject)
      sending.on('response', (incoming) => {
        watch.touch()
        resolve(incoming)
      })
      whenConnected(sending, () => {
        watch.touch()
        message.onHandingOver?.()
        sending.end(body ?? undefined)
      })
    })
  }

  #agentOf(host: string): Agent {
    const known = this.#agents.get(host)
    if (known !== undefined) return known
    const { tls } = this.#policy
    const policy: TlsPolicy = host === this.#pinnedHost ? tls : { mode: tls.mode, ca: tls.ca }
    const agent = new Agent({ keepAlive: true, maxSockets: 64, ...tlsOptions(policy, host) })
    this.#agents.set(host, agent)
    return agent
  }
}

/** Connections whose handshake is done. */
const connected = new WeakSet<object>()

/** Before the connection stands nothing can have been handed over. */
function whenConnected(sending: ClientRequest, then: () => void): void {
  sending.on('socket', (socket) => {
    if (connected.has(socket)) {
      then()
      return
    }
    socket.once('secureConnect', () => {
      connected.add(socket)
      then()
    })
  })
}

function lengthOf(headers: IncomingHttpHeaders): number | null {
  const length = headers['content-length']
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : null
}

async function* confirmedPieces(
  incoming: IncomingMessage,
  watch: Watch,
  place: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of incoming as AsyncIterable<Uint8Array>) {
      throwIfAborted(signal)
      watch.pause()
      yield piece
      watch.touch()
    }
  } catch (error) {
    throwIfAborted(signal)
    throw connectError(watch.isLate ? { code: 'ETIMEDOUT' } : error, place, 'HTTPS')
  } finally {
    watch.stop()
    incoming.destroy()
  }
  const framed = lengthOf(incoming.headers) !== null || incoming.headers['transfer-encoding'] !== undefined
  if (!incoming.complete || !(framed || incoming.statusCode === 204)) {
    throw new SealpostError('transient', `HTTPS ${place.host}:${place.port}: an answer ended before its end`, {
      code: 'SHORT',
    })
  }
}

/** Calls back when nothing has happened for too long; a consumer that takes its time does not count. */
class Watch {
  readonly #clock: Clock
  readonly #idleMs: number
  #last = 0
  #paused = false
  #cancel: () => void = () => undefined
  isLate = false

  constructor(clock: Clock, idleMs: number) {
    this.#clock = clock
    this.#idleMs = idleMs
  }

  start(onLate: () => void): void {
    this.touch()
    const check = (): void => {
      const quiet = this.#paused ? 0 : this.#clock.monotonic() - this.#last
      if (quiet >= this.#idleMs) {
        this.isLate = true
        onLate()
      } else this.#cancel = this.#clock.after(Math.max(10, this.#idleMs - quiet), check)
    }
    this.#cancel = this.#clock.after(this.#idleMs, check)
  }

  touch(): void {
    this.#paused = false
    this.#last = this.#clock.monotonic()
  }

  pause(): void {
    this.#paused = true
  }

  stop(): void {
    this.#cancel()
  }
}
