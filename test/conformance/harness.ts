import type { Connector } from '../../src/core/connector.ts'

/** One message to be put into a mailbox. */
export interface Mail {
  readonly body: Uint8Array
  readonly internalDate: number
  readonly flags: readonly string[]
}

/**
 * A hand that is not one of the sessions: another mail program, an administrator's tool, the file system. What a
 * harness has no way to do it leaves out, and skips the cases that need it.
 */
export interface Outside {
  deliver?(path: readonly string[], mail: Mail): Promise<void>
  expunge?(path: readonly string[], key: string): Promise<void>
  /** Replaces all flags of one message. */
  setFlags?(path: readonly string[], key: string, flags: readonly string[]): Promise<void>
  /** Makes keys mean something else, as when a mailbox is deleted and made anew. */
  resetValidity?(path: readonly string[]): Promise<void>
}

/** One account, new for each case: an empty inbox and nothing else that matters. */
export interface Stage {
  readonly connector: Connector
  readonly account: string
  readonly outside: Outside
  /** Makes what was written so far readable to fresh sessions, where that takes an action. */
  settle?(): Promise<void>
  /** The whole account as text, counters and all that a user can see: equal exactly when nothing was changed. */
  snapshot(): Promise<string>
  /** Stores mail where the connector only reads; makes the mailbox where there is none. */
  store?(path: readonly string[], mail: readonly Mail[]): Promise<void>
  /** The bytes that `store` leaves of a message, where flags have to stand in the message itself. */
  stored?(mail: Mail): Uint8Array
  /** Takes the account away again. */
  cleanup(): Promise<void>
}

/** What a case would like of the connector that `setup` makes. */
export interface Wish {
  /** Bodies above this many bytes are to be handed over as a `Body`. */
  readonly largeMessageBytes?: number
}

/** How the suite gets at one connector. */
export interface Harness {
  setup(wish: Wish): Promise<Stage>
  /** `exact`: what is read back is what was written. `match`: it has the same `matchDigest`. */
  readonly bodies: 'exact' | 'match'
  /** NUL bytes come back as they were. Otherwise they may come back masked, or be refused. */
  readonly keepsNul: boolean
  /** Keywords that this end stores; needed where `capabilities.keywords` is `listed`. */
  readonly keywords?: readonly string[]
  /** Why this end is only read. Then the cases that write are none of its cases, and the stage has `store`. */
  readonly sourceOnly?: string
  /** Cases that this end cannot show, each with the reason. A name that no case has fails. */
  readonly skips?: Readonly<Record<string, string>>
  /** How long a store may take before a fresh session sees what was done (default 0). */
  readonly settleMs?: number
}
