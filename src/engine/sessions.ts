import type { DestinationSession, Session, SourceSession } from '../core/connector.ts'
import type { LoginGate } from '../core/login-gate.ts'
import type { EngineContext } from './settings.ts'
import { tellWaitsOf } from '../core/retry.ts'

/** The two sessions of one lane, opened when first needed and again when one has died. */
export class LaneSessions {
  readonly #source: End<SourceSession>
  readonly #destination: End<DestinationSession>

  constructor(
    context: EngineContext,
    gate: LoginGate,
    pair: { readonly id: number; readonly source: string; readonly destination: string },
  ) {
    const { source, destination } = context
    this.#source = new End(
      context,
      gate,
      pair.id,
      'source',
      pair.source,
      source.credentialOf?.(pair.source) ?? pair.source,
      (signal) => source.openSource(pair.source, signal),
    )
    this.#destination = new End(
      context,
      gate,
      pair.id,
      'destination',
      pair.destination,
      destination.credentialOf?.(pair.destination) ?? pair.destination,
      (signal) => destination.openDestination(pair.destination, signal),
    )
  }

  /** A living session at the source. Throws `auth`, `config`, or the last `transient` after bounded attempts. */
  source(signal: AbortSignal): Promise<SourceSession> {
    return this.#source.session(signal)
  }

  /** True while the session at the source is good: what it was last told is about what was asked, not about the connection. */
  get isSourceAlive(): boolean {
    return this.#source.isAlive
  }

  /** True while both are good. */
  get areAlive(): boolean {
    return this.#source.isAlive && this.#destination.isAlive
  }

  /** A living session at the destination; throws as `source` does. */
  destination(signal: AbortSignal): Promise<DestinationSession> {
    return this.#destination.session(signal)
  }

  /** Begins to open both, so that they are there when they are needed; whoever needs one hears of its trouble. */
  warm(signal: AbortSignal): void {
    for (const opening of [this.source(signal), this.destination(signal)]) opening.catch(() => undefined)
  }

  /** Ends the one at the source: the next that is asked for is a new connection, at another machine of theirs perhaps. */
  renewSource(): Promise<void> {
    return this.#source.close()
  }

  /** Closes both. Twice is safe. */
  async close(): Promise<void> {
    await Promise.all([this.#source.close(), this.#destination.close()])
  }
}

/** One end of a lane. Asked for by two at once, it is opened once. */
class End<S extends Session> {
  readonly #context: EngineContext
  readonly #gate: LoginGate
  readonly #pairId: number
  readonly #end: 'source' | 'destination'
  readonly #account: string
  readonly #credential: string
  readonly #open: (signal: AbortSignal) => Promise<S>
  #session: S | null = null
  #opening: Promise<S> | null = null

  constructor(
    context: EngineContext,
    gate: LoginGate,
    pairId: number,
    end: 'source' | 'destination',
    account: string,
    credential: string,
    open: (signal: AbortSignal) => Promise<S>,
  ) {
    this.#context = context
    this.#gate = gate
    this.#pairId = pairId
    this.#end = end
    this.#account = account
    this.#credential = `${end}\u0000${credential}`
    this.#open = open
  }

  get isAlive(): boolean {
    return this.#session?.alive === true
  }

  session(signal: AbortSignal): Promise<S> {
    if (this.#session?.alive === true) return Promise.resolve(this.#session)
    this.#opening ??= this.#reopen(signal).finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => undefined)
    await this.#session?.close()
    this.#session = null
  }

  async #reopen(signal: AbortSignal): Promise<S> {
    const { clock, events } = this.#context
    const before = this.#session
    await before?.close()
    const onWait = tellWaitsOf(this.#pairId, events)
    const login = (): Promise<S> => this.#gate.enter(this.#credential, this.#account, () => this.#open(signal))
    const session = await this.#gate.contact[this.#end].open(clock, onWait, login, signal)
    this.#session = session
    if (before !== null) events({ event: 'reconnected', pair: this.#pairId, end: this.#end })
    return session
  }
}
