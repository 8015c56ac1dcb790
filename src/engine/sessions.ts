import type { DestinationSession, SourceSession } from '../core/connector.ts'
import type { LoginGate } from '../core/login-gate.ts'
import type { EngineContext } from './settings.ts'
import { retry } from '../core/retry.ts'

/** The two sessions of one lane, opened when first needed and again when one has died. */
export class LaneSessions {
  readonly #context: EngineContext
  readonly #gate: LoginGate
  readonly #pair: { readonly id: number; readonly source: string; readonly destination: string }
  #source: SourceSession | null = null
  #destination: DestinationSession | null = null

  constructor(
    context: EngineContext,
    gate: LoginGate,
    pair: { readonly id: number; readonly source: string; readonly destination: string },
  ) {
    this.#context = context
    this.#gate = gate
    this.#pair = pair
  }

  /** A living session at the source. Throws `auth`, `config`, or the last `transient` after bounded attempts. */
  async source(signal: AbortSignal): Promise<SourceSession> {
    if (this.#source?.alive === true) return this.#source
    const wasOpen = this.#source !== null
    await this.#source?.close()
    const { source } = this.#context
    const account = this.#pair.source
    const credential = `source\u0000${source.credentialOf?.(account) ?? account}`
    this.#source = await this.#open(
      () => this.#gate.enter(credential, () => source.openSource(account, signal)),
      signal,
    )
    if (wasOpen) this.#context.events({ event: 'reconnected', pair: this.#pair.id, end: 'source' })
    return this.#source
  }

  /** A living session at the destination; throws as `source` does. */
  async destination(signal: AbortSignal): Promise<DestinationSession> {
    if (this.#destination?.alive === true) return this.#destination
    const wasOpen = this.#destination !== null
    await this.#destination?.close()
    const { destination } = this.#context
    const account = this.#pair.destination
    const credential = `destination\u0000${destination.credentialOf?.(account) ?? account}`
    this.#destination = await this.#open(
      () => this.#gate.enter(credential, () => destination.openDestination(account, signal)),
      signal,
    )
    if (wasOpen) this.#context.events({ event: 'reconnected', pair: this.#pair.id, end: 'destination' })
    return this.#destination
  }

  /** Closes both. Twice is safe. */
  async close(): Promise<void> {
    await Promise.all([this.#source?.close(), this.#destination?.close()])
    this.#source = null
    this.#destination = null
  }

  #open<T>(operation: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const onWait = (reason: string, milliseconds: number): void =>
      this.#context.events({ event: 'waiting', pair: this.#pair.id, reason, milliseconds })
    return retry(this.#context.clock, onWait, operation, signal)
  }
}
