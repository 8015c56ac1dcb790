import type { Clock } from './clock.ts'
import type { Connector, DestinationSession, Session, SourceSession } from './connector.ts'
import type { Body, Fetched, Mailbox, NewMessage } from './mail.ts'

/**
 * So many bytes a second over everybody who takes from it. What is taken pays for what comes after it, so that a whole
 * batch goes at once and the next one waits: over any time no more than rate times time and one batch.
 */
export class Rate {
  #bytesPerMs: number
  readonly #clock: Clock
  #freeAt = 0

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#bytesPerMs = bytesPerSecond / 1000
    this.#clock = clock
  }

  get bytesPerSecond(): number {
    return this.#bytesPerMs * 1000
  }

  /** Another rate from the next taking on; what was taken before is waited for as it was. */
  change(bytesPerSecond: number): void {
    this.#bytesPerMs = bytesPerSecond / 1000
  }

  /** Resolves when `bytes` may pass; first come, first served. Rejects with the signal's reason. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic()
    const at = Math.max(now, this.#freeAt)
    this.#freeAt = at + bytes / this.#bytesPerMs
    if (at > now) await this.#clock.sleep(at - now, signal)
  }
}

/** What passes in each direction, over all connectors that share it. */
export interface Rates {
  readonly reading: Rate
  readonly writing: Rate
}

/**
 * The same connector, with the bodies of messages held to these rates. Small ones are counted whole, large ones piece
 * by piece; listings and flags are not counted.
 */
export function metered(connector: Connector, rates: Rates): Connector {
  return withMembers<Connector>(connector, {
    openSource: async (account, signal) => {
      const session = await connector.openSource(account, signal)
      return withMembers<SourceSession>(session, { fetch: meteredFetch(session, rates.reading) })
    },
    openDestination: async (account, signal) => {
      const session = await connector.openDestination(account, signal)
      return withMembers(session, {
        fetch: meteredFetch(session, rates.reading),
        whenMaySend: (batch, sending) =>
          rates.writing.take(
            batch.reduce((sum, { body }) => sum + (body instanceof Uint8Array ? body.length : 0), 0),
            sending,
          ),
        append: (mailbox, batch, appending) =>
          session.append(
            mailbox,
            batch.map((message) => withBody(message, rates.writing, appending)),
            appending,
          ),
      } satisfies Partial<DestinationSession>)
    },
  })
}

type Fetch = (mailbox: Mailbox, keys: readonly string[], signal: AbortSignal) => AsyncGenerator<Fetched>

function meteredFetch(session: Session, rate: Rate): Fetch {
  return async function* fetch(mailbox, keys, signal) {
    for await (const fetched of session.fetch(mailbox, keys, signal)) {
      if (fetched.kind === 'whole') await rate.take(fetched.body.length, signal)
      yield fetched.kind === 'large' ? { ...fetched, body: slowed(fetched.body, rate, signal) } : fetched
    }
  }
}

function withBody(message: NewMessage, rate: Rate, signal: AbortSignal): NewMessage {
  return message.body instanceof Uint8Array ? message : { ...message, body: slowed(message.body, rate, signal) }
}

function slowed(body: Body, rate: Rate, signal: AbortSignal): Body {
  return {
    bytes: body.bytes,
    open: async function* () {
      for await (const piece of body.open()) {
        await rate.take(piece.length, signal)
        yield piece
      }
    },
  }
}

/** The object itself but for some members; what it computes and keeps stays its own. */
export function withMembers<T extends object>(target: T, members: Partial<T>): T {
  return new Proxy(target, {
    get: (own, name) => {
      if (Object.hasOwn(members, name)) return Reflect.get(members, name) as unknown
      const value: unknown = Reflect.get(own, name, own)
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(own) : value
    },
  })
}
