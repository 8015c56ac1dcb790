import type { Duplex } from 'node:stream'
import type { Clock } from '../../src/core/clock.ts'
import { isKind, SealpostError, throwIfAborted, toSealpostError } from '../../src/core/errors.ts'
import type { ImapManners } from '../shared/imap-manners.ts'
import type { CommandOptions } from './command-options.ts'
import { SOCKET_CLOSED, writeCommand, type LiteralMode, type Part } from './command-writer.ts'
import { compressWire, INFLATED } from './compressed-wire.ts'
import { beyondBounds, Framer } from './framer.ts'
import { DESYNCHRONIZED, LiteralGate, REFUSED } from './literal-gate.ts'
import { parseStatus, type Reply, type Untagged } from './response.ts'
import { crowded, isNotConnected, refusalOf } from './response-codes.ts'
import { ServerFacts, type Greeting } from './server-facts.ts'
import { watchSilence } from './watch-silence.ts'
import { established, upgradeWire, type Place, type Wire } from './wire.ts'

/** How long the end of a command is held back: twice the time in which the server asked for a literal, within these. */
const SHORTEST_HOLD = 50
const LONGEST_HOLD = 1_000
/** Of a literal that is no body: names, headers. */
const MAX_LITERAL_BYTES = 64 * 1024 * 1024

interface Pending {
  readonly tag: string
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: SealpostError) => void
  readonly gate: LiteralGate
}

/**
 * One connection. Commands run one at a time. A connection that is silent for `idleMs` while a command runs is destroyed, as
 * is one whose signal is aborted: a half-read answer leaves nothing to go on with.
 */
export class Connection {
  readonly #wire: Wire
  readonly #clock: Clock
  readonly #idleMs: number
  readonly #framer: Framer
  /** What is read from and written to: the socket, or what is inside of it once it is compressed. */
  #stream: Duplex
  #running: CommandOptions | null = null
  #pending: Pending | null = null
  #commands = 0
  #tags = 0
  readonly #manners: ImapManners
  #refusals = 0
  #isAtMailbox = false
  #lost: SealpostError | null = null
  #networkError: unknown = null
  #lastProgress = 0
  #paused = false
  readonly #facts = new ServerFacts((greeting) => this.#hello.resolve(greeting))
  #hello: { readonly resolve: (greeting: Greeting) => void; readonly reject: (error: SealpostError) => void }
  readonly #whenGreeted: Promise<Greeting>
  /** The server has agreed to TLS: whatever it says in the clear from then on is not from it, or not for us. */
  #isUpgrading = false
  #wasSlippedIn = false

  /** Takes over a wire that has just begun to connect. */
  constructor(wire: Wire, clock: Clock, idleMs: number, manners: ImapManners = {}) {
    this.#wire = wire
    this.#stream = wire.socket
    this.#manners = manners
    this.#clock = clock
    this.#idleMs = idleMs
    this.#framer = new Framer({
      claims: (keyword) => this.#facts.claims(keyword) || this.#running?.take?.[keyword] !== undefined,
      untagged: (response) => this.#take(response),
      row: (row) => this.#running?.onRow?.(row),
      beyond: (bytes, text) => {
        this.#running?.onBeyond?.(text)
        throw beyondBounds(bytes)
      },
      room: (bytes) => this.#running?.room?.(bytes) ?? Buffer.allocUnsafe(bytes),
      tagged: (line) => this.#takeTagged(line),
      continuation: (text) => this.#takeContinuation(text),
    })
    this.#hello = { resolve: () => undefined, reject: () => undefined }
    this.#whenGreeted = new Promise((resolve, reject) => (this.#hello = { resolve, reject }))
    this.#whenGreeted.catch(() => undefined)
    wire.onBytes = this.#onBytes
    this.#watchSocket()
  }

  /**
   * Resolves when the server has greeted, over a verified connection where TLS is implicit. Rejects with what Node says of the
   * network and of TLS, or with what `run` throws.
   */
  async greeted(): Promise<Greeting> {
    await this.#established()
    return this.#whenGreeted
  }

  /**
   * STARTTLS (RFC 9051 section 6.2.1). Resolves to false where the server will not, and where anything was slipped in between
   * its consent and the handshake; rejects as `greeted`.
   */
  async startTls(place: Place, signal: AbortSignal): Promise<boolean> {
    const reply = await this.run(['STARTTLS'], { endsCleartext: true }, signal)
    if (reply.status !== 'OK' || this.#wasSlippedIn || !this.#framer.isBetween) return false
    upgradeWire(this.#wire, place)
    this.#stream = this.#wire.socket
    this.#isUpgrading = false
    this.#watchSocket()
    await this.#established()
    this.#facts.forgetCapabilities()
    return true
  }

  /** Asks for the capabilities unless the server has told them unasked; what counts no longer is `stale`. */
  async learnCapabilities(stale: ReadonlySet<string> | null, signal: AbortSignal): Promise<void> {
    if (this.#facts.capabilities !== stale) return
    await this.expectOk(['CAPABILITY'], {}, 'imap: asking for capabilities', signal)
  }

  /** What the server has said of itself. */
  get facts(): ServerFacts {
    return this.#facts
  }

  get alive(): boolean {
    return this.#lost === null
  }

  /** The account is open: what the server says of one that it cannot open is from here on said of the session. */
  atMailbox(): void {
    this.#isAtMailbox = true
  }

  /** What the network or TLS said when it failed; null where it did not. */
  get networkError(): unknown {
    return this.#networkError
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
    const stream = compressWire(this.#wire)
    stream.on('error', (cause) => {
      if (cause === INFLATED) onInflated()
      this.destroy(
        new SealpostError('transient', 'imap: the compressed stream cannot be gone on with', {
          code: cause === INFLATED ? 'INFLATED' : 'COMPRESSION',
          cause,
        }),
      )
    })
    stream.on('data', this.#onBytes)
    this.#stream = stream
    stream.resume()
  }

  /** For facts about TLS; reading from it or writing to it is this class's business. */
  get socket(): Wire['socket'] {
    return this.#wire.socket
  }

  has(capability: string): boolean {
    return this.#facts.capabilities?.has(capability) === true
  }

  /**
   * Runs a command and returns how it ended, refused ones too. Throws `transient` when the connection is lost,
   * `cancelled` when the signal is aborted, and what reading a literal throws.
   */
  async run(parts: readonly Part[], options: CommandOptions, signal: AbortSignal): Promise<Reply> {
    throwIfAborted(signal)
    if (!this.alive) throw this.#lost ?? this.#facts.lossOf()
    if (this.#running !== null) throw new SealpostError('bug', 'imap: two commands at once')
    this.#running = options
    this.#commands++
    this.#framer.literalLimit = options.literalLimit ?? MAX_LITERAL_BYTES
    const onAbort = (): void => this.destroy(new SealpostError('cancelled', 'interrupted'))
    signal.addEventListener('abort', onAbort, { once: true })
    this.#lastProgress = this.#clock.monotonic()
    const quietFor = (): number => (this.#paused ? 0 : this.#clock.monotonic() - this.#lastProgress)
    const stopWatching = watchSilence(this.#clock, this.#idleMs, quietFor, (quiet) => {
      const text = `imap: the server was silent for ${Math.round(quiet / 1000)} s`
      this.destroy(new SealpostError('transient', text, { code: 'IDLE' }))
    })
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
    this.#stream.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#lastProgress = this.#clock.monotonic()
    this.#stream.resume()
  }

  /** Cuts the connection; commands that run and later ones throw `error`. */
  destroy(error: SealpostError): void {
    this.#lost ??= error
    this.#wire.socket.destroy()
    this.#pending?.reject(this.#lost)
    this.#hello.reject(this.#lost)
  }

  /**
   * Says LOGOUT (which expunges nothing, unlike CLOSE) where nothing is running, and waits for the server to close, so
   * that whoever connects next is not one too many for it. Never throws.
   */
  async close(): Promise<void> {
    if (this.alive && this.#running === null) {
      const { socket } = this.#wire
      const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()))
      const stop = this.#clock.after(2000, () => socket.destroy())
      this.#stream.resume()
      this.#stream.end('F0 LOGOUT\r\n')
      await gone
      stop()
    }
    this.destroy(new SealpostError('transient', 'imap: the session is closed', { code: 'CLOSED' }))
  }

  /**
   * Leaves before a server that counts refusals ends the session, and where it has asked to be left alone. Throws where the
   * session has no mailbox any more.
   */
  #noteRefusal(reply: Reply): void {
    if (this.#isAtMailbox && isNotConnected(reply)) {
      const lost = crowded('imap: the server has lost the mailbox of the session', reply.text)
      this.destroy(lost)
      throw lost
    }
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
      socket: this.#stream,
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
    const tag = this.#nextTag()
    const replied = new Promise<Reply>((resolve, reject) => (this.#pending = { tag, resolve, reject, gate }))
    const head = options.ahead === undefined ? tag : `${this.#nextTag()} ${options.ahead}\r\n${tag}`
    let reply: Reply | null = null
    const failure: { error: SealpostError | null } = { error: null }
    const writing = writeCommand(output, head, parts, signal).catch((error: unknown) => {
      if (error === REFUSED) return
      if (error === DESYNCHRONIZED && reply !== null && reply.status !== 'OK') {
        // Refused before the end: the answer stands, but nobody knows what the server would make of the rest.
        this.destroy(this.#facts.lossOf(error))
        return
      }
      const ours = error === SOCKET_CLOSED || error === DESYNCHRONIZED
      failure.error = ours
        ? (this.#lost ?? this.#facts.lossOf(error))
        : toSealpostError(error, 'imap: reading what is to be stored')
      // In the middle of a literal there is no going on: what came next would be taken for its bytes.
      this.destroy(failure.error)
    })
    try {
      reply = await replied
    } catch (error) {
      throw failure.error ?? error
    } finally {
      this.#pending = null
      gate.end()
    }
    // A reply may come before the last literal has gone; the next command must not end up inside it.
    await writing
    if (failure.error !== null) throw failure.error
    return reply
  }

  /** Rejects with what Node says, unless it was us who cut it, and why. */
  async #established(): Promise<void> {
    try {
      await established(this.#wire)
    } catch (error) {
      throw this.#lost === null || this.#lost.code === 'LOST' ? error : this.#lost
    }
  }

  #nextTag(): string {
    return `A${++this.#tags}`
  }

  #literalMode(): LiteralMode {
    if (this.has('LITERAL+')) return 'any'
    return this.has('LITERAL-') ? 'to-4096' : 'waiting'
  }

  #watchSocket(): void {
    const { socket } = this.#wire
    socket.on('error', (error) => void (this.#networkError ??= error))
    const onEnd = (): void => this.destroy(this.#facts.lossOf(this.#networkError ?? undefined))
    socket.on('end', onEnd)
    socket.on('close', onEnd)
  }

  readonly #onBytes = (bytes: Buffer): void => {
    this.#lastProgress = this.#clock.monotonic()
    try {
      this.#framer.push(bytes)
    } catch (cause) {
      const noImap = new SealpostError('transient', 'imap: the server sent what is no IMAP', {
        code: 'PROTOCOL',
        cause,
      })
      this.destroy(isKind(cause) ? cause : noImap)
    }
  }

  #take(response: Untagged): void {
    if (this.#isUpgrading) this.#wasSlippedIn = true
    this.#facts.take(response.keyword, response.text)
    // Who is sent away at the door hears nothing more.
    if (response.keyword === 'BYE' && !this.#facts.hasGreeted) this.destroy(this.#facts.lossOf())
    this.#running?.take?.[response.keyword]?.(response)
  }

  #takeTagged(line: string): void {
    if (this.#isUpgrading) this.#wasSlippedIn = true
    const pending = this.#pending
    if (pending === null) return
    const isOurs = line.startsWith(`${pending.tag} `)
    // Some servers answer with a bare `BAD …`, which can mean the running command alone.
    const reply = parseStatus(isOurs ? line.slice(pending.tag.length + 1) : line)
    if (!isOurs && (reply === null || reply.status === 'OK')) return
    if (reply === null) throw new Error('a reply that is none')
    this.#facts.takeCode(reply)
    if (reply.status === 'OK' && this.#running?.endsCleartext === true) {
      this.#isUpgrading = true
      this.#stream.pause()
    }
    pending.resolve(reply)
  }

  #takeContinuation(text: string): void {
    if (this.#isUpgrading) this.#wasSlippedIn = true
    const answer = this.#running?.answer
    if (answer === undefined) this.#pending?.gate.open()
    else this.#stream.write(`${answer(text)}\r\n`)
  }
}
