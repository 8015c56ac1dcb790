import type { Duplex } from 'node:stream'
import type { Clock } from '../../src/core/clock.ts'
import { SealpostError, throwIfAborted, toSealpostError } from '../../src/core/errors.ts'
import type { ImapManners } from '../shared/imap-manners.ts'
import { SOCKET_CLOSED, writeCommand, type LiteralMode, type Part } from './command-writer.ts'
import { compressSocket, INFLATED } from './compressed-socket.ts'
import type { FetchRow } from './fetch-row.ts'
import type { Flow } from './flow.ts'
import { Framer } from './framer.ts'
import { DESYNCHRONIZED, LiteralGate, REFUSED } from './literal-gate.ts'
import { parseStatus, type Reply, type Untagged } from './response.ts'
import { refusalOf } from './response-codes.ts'

/** What a command is given beside its text. */
export interface CommandOptions {
  /** Untagged responses to take, by keyword in capitals. */
  readonly take?: Readonly<Record<string, (response: Untagged) => void>>
  /** FETCH responses; dropped without it. */
  readonly onRow?: (row: FetchRow) => void
  /** Literals above it are counted and thrown away. */
  readonly literalLimit?: number
  /** Called before the piece that ends the command is handed to the socket: from then on the outcome may be unknown. */
  readonly onHandingOver?: () => void
  /** Keeps that piece back until a server that dies of the rest has had the time for it. */
  readonly holdsBack?: boolean
}

const MAX_FORWARD_BYTES = 8 * 1024 * 1024
/** Milliseconds in which what has come already is read, before a connection counts as silent. */
const LAST_LOOK = 20
/** How long the end of a command is held back: twice the time in which the server asked for a literal, within these. */
const SHORTEST_HOLD = 50
const LONGEST_HOLD = 1_000
/** Of a literal that is no body: names, headers. */
const MAX_LITERAL_BYTES = 64 * 1024 * 1024

/**
 * One logged-in connection. Commands run one at a time; the library keeps tags, replies and BYE, the framer takes the
 * hot responses. A connection that is silent for `idleMs` while a command runs is destroyed, as is one whose signal is
 * aborted: a half-read answer leaves nothing to go on with.
 */
export class Connection {
  readonly #flow: Flow
  readonly #clock: Clock
  readonly #idleMs: number
  readonly #framer: Framer
  /** Kept, since the library forgets it when it closes. */
  readonly #socket: Flow['socket']
  /** What is read from and written to: the socket, or what is inside of it once it is compressed. */
  #wire: Duplex
  #running: CommandOptions | null = null
  #tag = ''
  #commands = 0
  readonly #manners: ImapManners
  #refusals = 0
  #lastReply: Reply | null = null
  #lost: SealpostError | null = null
  #lastProgress = 0
  #paused = false
  /** The library's parser lags behind. */
  #draining = false

  constructor(flow: Flow, clock: Clock, idleMs: number, manners: ImapManners = {}) {
    this.#flow = flow
    this.#manners = manners
    this.#clock = clock
    this.#idleMs = idleMs
    this.#framer = new Framer({
      claims: (keyword) => this.#running?.take?.[keyword] !== undefined,
      untagged: (response) => this.#running?.take?.[response.keyword]?.(response),
      row: (row) => this.#running?.onRow?.(row),
      tagged: (line) => {
        if (line.startsWith(`${this.#tag} `)) this.#lastReply = parseStatus(line.slice(this.#tag.length + 1))
      },
      forward: (bytes) => this.#forward(bytes),
    })
    flow.on('error', () => {
      // what failed is said by the command that was running, or by the next one
    })
    flow.on('close', () => {
      this.#lost ??= this.#lostError()
    })
    const { socket, streamer } = flow
    this.#socket = socket
    this.#wire = socket
    // The library lets go of the socket when it closes; what fails after that is of no interest.
    socket.on('error', () => undefined)
    // Else the last bytes of a command wait until the server has acknowledged the ones before.
    socket.setNoDelay(true)
    socket.unpipe(streamer)
    socket.on('data', this.#onData)
    socket.resume()
  }

  get alive(): boolean {
    return this.#lost === null && !this.#flow.isClosed
  }

  /** How many commands have been begun: where it stands still, nothing newer has been heard. */
  get commands(): number {
    return this.#commands
  }

  /**
   * Has both ways compressed from here on (RFC 4978), where the server wants to. Before it nothing but the login
   * has been said, which is not compressed together with anybody's mail. Throws as `run`, and `onInflated` is called when the
   * server's bytes grow beyond all that mail does, which ends the connection.
   */
  async compress(onInflated: () => void, signal: AbortSignal): Promise<void> {
    const reply = await this.run(['COMPRESS DEFLATE'], {}, signal)
    if (reply.status !== 'OK') return
    this.#socket.off('data', this.#onData)
    const stream = compressSocket(this.#socket)
    stream.on('error', (cause) => {
      if (cause === INFLATED) onInflated()
      this.destroy(
        new SealpostError('transient', 'imap: the compressed stream cannot be gone on with', {
          code: cause === INFLATED ? 'INFLATED' : 'COMPRESSION',
          cause,
        }),
      )
    })
    stream.on('data', this.#onData)
    this.#wire = stream
    stream.resume()
  }

  /** For facts about TLS; reading from it or writing to it is this class's business. */
  get socket(): Flow['socket'] {
    return this.#socket
  }

  get greeting(): string {
    return this.#flow.greeting ?? ''
  }

  has(capability: string): boolean {
    return this.#flow.capabilities.has(capability)
  }

  /** The number behind a capability such as `APPENDLIMIT=n`, or null. */
  numberOf(capability: string): number | null {
    const value = this.#flow.capabilities.get(capability)
    if (typeof value === 'number') return value
    for (const name of this.#flow.capabilities.keys()) {
      const digits = name.startsWith(`${capability}=`) ? name.slice(capability.length + 1) : ''
      if (/^\d{1,15}$/.test(digits)) return Number(digits)
    }
    return null
  }

  /**
   * Runs a command and returns how it ended, refused ones too. Throws `transient` when the connection is lost,
   * `cancelled` when the signal is aborted, and what reading a literal throws.
   */
  async run(parts: readonly Part[], options: CommandOptions, signal: AbortSignal): Promise<Reply> {
    throwIfAborted(signal)
    if (!this.alive) throw this.#lost ?? this.#lostError()
    if (this.#running !== null) throw new SealpostError('bug', 'imap: two commands at once')
    this.#running = options
    this.#commands++
    this.#framer.literalLimit = options.literalLimit ?? MAX_LITERAL_BYTES
    this.#lastReply = null
    const onAbort = (): void => this.destroy(new SealpostError('cancelled', 'interrupted'))
    signal.addEventListener('abort', onAbort, { once: true })
    const stopWatching = this.#watch()
    try {
      const reply = await this.#exec(parts, options, signal)
      if (reply.status !== 'OK') this.#noteRefusal(reply)
      return reply
    } finally {
      stopWatching()
      signal.removeEventListener('abort', onAbort)
      this.#running = null
      this.#framer.literalLimit = MAX_LITERAL_BYTES
    }
  }

  /** As `run`, and throws the classified refusal for NO and BAD; `what` says what was tried. */
  async expectOk(
    parts: readonly Part[],
    options: CommandOptions,
    what: string,
    signal: AbortSignal,
  ): Promise<Reply> {
    const reply = await this.run(parts, options, signal)
    if (reply.status !== 'OK') throw refusalOf(reply, what)
    return reply
  }

  /** Stops reading until `resume`: the consumer lags behind. */
  pause(): void {
    this.#paused = true
    this.#wire.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#lastProgress = this.#clock.monotonic()
    if (!this.#draining) this.#wire.resume()
  }

  /** Cuts the connection; commands that run and later ones throw `error`. */
  destroy(error: SealpostError): void {
    this.#lost ??= error
    this.#flow.close()
  }

  /**
   * Says LOGOUT (which expunges nothing, unlike CLOSE) where nothing is running, and waits for the server to close, so
   * that whoever connects next is not one too many for it. Never throws.
   */
  async close(): Promise<void> {
    if (this.alive && this.#running === null) {
      const gone = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()))
      const stop = this.#clock.after(2000, () => this.#socket.destroy())
      this.#wire.resume()
      this.#wire.end('F0 LOGOUT\r\n')
      await gone
      stop()
    }
    this.destroy(new SealpostError('transient', 'imap: the session is closed', { code: 'CLOSED' }))
  }

  /** Leaves before a server that counts refusals ends the session, and where it has asked to be left alone. */
  #noteRefusal(reply: Reply): void {
    const { refusals, reconnectWhenThrottled } = this.#manners
    const isWorn = refusals !== undefined && ++this.#refusals >= refusals
    const isThrottled = reconnectWhenThrottled === true && refusalOf(reply, 'imap').kind === 'throttled'
    if (!isWorn && !isThrottled) return
    const why = isThrottled ? 'the server throttles' : `${this.#refusals} commands were refused`
    this.destroy(new SealpostError('transient', `imap: ${why}: the connection is made anew`, { code: 'RENEWED' }))
  }

  async #exec(parts: readonly Part[], options: CommandOptions, signal: AbortSignal): Promise<Reply> {
    const gate = new LiteralGate()
    const clock = this.#clock
    let askedWithin = 0
    const beforeEnd = (): Promise<void> =>
      clock.sleep(Math.min(LONGEST_HOLD, Math.max(SHORTEST_HOLD, 2 * askedWithin)), signal)
    const output = {
      socket: this.#wire,
      literals: this.#literalMode(),
      permission: async () => {
        const begun = clock.monotonic()
        await gate.wait()
        askedWithin = clock.monotonic() - begun
      },
      progress: () => (this.#lastProgress = clock.monotonic()),
      handingOver: options.onHandingOver ?? (() => undefined),
      ...(options.holdsBack === true ? { beforeEnd } : {}),
    }
    let writing: Promise<void> = Promise.resolve()
    const failure: { error: SealpostError | null } = { error: null }
    const write = (tag: string): Promise<void> => {
      this.#tag = tag
      writing = writeCommand(output, tag, parts, signal).catch((error: unknown) => {
        if (error === REFUSED) return
        if (error === DESYNCHRONIZED && this.#lastReply !== null && this.#lastReply.status !== 'OK') {
          // Refused before the end: the answer stands, but nobody knows what the server would make of the rest.
          this.destroy(this.#lostError(error))
          return
        }
        const ours = error === SOCKET_CLOSED || error === DESYNCHRONIZED
        failure.error = ours
          ? (this.#lost ?? this.#lostError(error))
          : toSealpostError(error, 'imap: reading what is to be stored')
        // In the middle of a literal there is no going on: what came next would be taken for its bytes.
        this.destroy(failure.error)
      })
      return writing
    }
    try {
      const answer = await this.#flow.exec('RAW', undefined, { write, onPlusTag: async () => gate.open() })
      answer.next()
    } catch (error) {
      this.#lastReply ??= untaggedRefusal(error)
      if (this.#lastReply === null) throw failure.error ?? this.#lost ?? this.#lostError(error)
    }
    gate.end()
    // A reply may come before the last literal has gone; the next command must not end up inside it.
    await writing
    if (failure.error !== null) throw failure.error
    if (this.#lastReply === null) throw this.#lost ?? this.#lostError()
    return this.#lastReply
  }

  #literalMode(): LiteralMode {
    if (this.has('LITERAL+')) return 'any'
    return this.has('LITERAL-') ? 'to-4096' : 'waiting'
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#lastProgress = this.#clock.monotonic()
    try {
      this.#framer.push(chunk)
    } catch (cause) {
      this.destroy(
        new SealpostError('transient', 'imap: the server sent what is no IMAP', { code: 'PROTOCOL', cause }),
      )
    }
  }

  #forward(bytes: Buffer): void {
    const { streamer } = this.#flow
    if (streamer.destroyed) return
    streamer.write(bytes)
    if (streamer.writableLength > MAX_FORWARD_BYTES && !this.#paused && !this.#draining) {
      this.#draining = true
      this.#wire.pause()
      streamer.once('drain', () => {
        this.#draining = false
        if (!this.#paused) this.#wire.resume()
      })
    }
  }

  #watch(): () => void {
    this.#lastProgress = this.#clock.monotonic()
    let cancel = (): void => undefined
    let isOverdue = false
    const check = (): void => {
      const quiet = this.#paused ? 0 : this.#clock.monotonic() - this.#lastProgress
      if (quiet < this.#idleMs) isOverdue = false
      else if (!isOverdue) {
        // A process that was kept busy hears of the time before it reads what has come meanwhile.
        isOverdue = true
        cancel = this.#clock.after(LAST_LOOK, check)
        return
      } else {
        this.destroy(
          new SealpostError('transient', `imap: the server was silent for ${Math.round(quiet / 1000)} s`, {
            code: 'IDLE',
          }),
        )
        return
      }
      cancel = this.#clock.after(Math.max(this.#idleMs - quiet, 10), check)
    }
    cancel = this.#clock.after(this.#idleMs, check)
    return () => cancel()
  }

  #lostError(cause?: unknown): SealpostError {
    const bye = this.#flow.byeReason
    if (bye !== undefined && bye !== '') {
      const refusal = refusalOf({ code: null, text: bye }, 'imap')
      const kind = refusal.kind === 'rejected' ? 'transient' : refusal.kind
      return new SealpostError(kind, 'imap: the server ended the session', {
        code: refusal.code === 'REFUSED' ? 'BYE' : (refusal.code ?? 'BYE'),
        serverText: bye,
        cause,
        ...(refusal.retryAfter === undefined ? {} : { retryAfter: refusal.retryAfter }),
      })
    }
    return new SealpostError('transient', 'imap: the connection was lost', { code: 'LOST', cause })
  }
}

/** Some servers answer a command with a bare `BAD …`, which the library ties to the one that is running. */
function untaggedRefusal(error: unknown): Reply | null {
  const { code, responseStatus, responseText } = error as Record<string, unknown>
  if (code !== 'MissingTag' || (responseStatus !== 'NO' && responseStatus !== 'BAD')) return null
  const text = typeof responseText === 'string' ? responseText : ''
  return { status: responseStatus, code: null, codeText: '', text }
}
