/**
 * What a client is told before the work, as `plan --json` prints it (docs/schemas/plan.schema.json). Accounts and names of
 * folders stand in it; subjects, correspondents, Message-IDs and content do not. Times are RFC 3339 in UTC.
 */
export interface PlanReport extends PlanAmount {
  readonly format: 'sealpost-plan'
  readonly version: 1
  readonly client: string
  readonly project: string
  readonly written: string
  readonly tool: string
  readonly accounts: readonly PlanAccount[]
  /** What earlier runs have moved already. */
  readonly moved: PlanAmount
  readonly growth: readonly PlanYear[]
  readonly largest: readonly PlanLarge[]
  readonly specialUse: readonly PlanUse[]
  readonly unfit: readonly PlanUnfit[]
  readonly passes: readonly PlanPass[]
  readonly assumptions: PlanAssumptions
  readonly risks: readonly PlanRisk[]
}

/** Messages, and their bytes as the source announces them. */
export interface PlanAmount {
  readonly messages: number
  readonly bytes: number
}

/** What was received in a year (UTC); null for mail without a date. */
export interface PlanYear extends PlanAmount {
  readonly year: number | null
}

/** One of the twenty largest messages. */
export interface PlanLarge {
  readonly account: string
  readonly mailbox: string
  readonly bytes: number
  readonly date: string | null
}

/** Folders of one special use (RFC 6154) over all accounts; null: those of none. */
export interface PlanUse extends PlanAmount {
  readonly use: string | null
  readonly mailboxes: number
}

/** One account. */
export interface PlanAccount extends PlanAmount {
  readonly source: string
  readonly destination: string
  readonly maxMessageBytes: number | null
  readonly maxLineBytes: number | null
  readonly quota: { readonly usedBytes: number; readonly limitBytes: number | null } | null
  readonly shortfallBytes: number | null
  readonly moved: PlanAmount
  readonly growth: readonly PlanYear[]
  /** Of the initial pass, for this account alone. */
  readonly seconds: PlanSpan
  /** Connections at each end that the account is moved over. */
  readonly lanes: number
  readonly mailboxes: readonly PlanMailbox[]
  readonly excluded: readonly string[]
  readonly error: object | null
}

/** One folder, and what becomes of it. */
export interface PlanMailbox extends PlanAmount {
  readonly source: string
  readonly destination: string
  readonly create: boolean
  readonly note: string | null
  readonly specialUse: string | null
  readonly filtered: number
  readonly tooLarge: PlanAmount
  readonly oversized: readonly { readonly key: string; readonly bytes: number }[]
}

/** Why something will not arrive. */
export type UnfitReason = 'too-large' | 'quota' | 'unreachable' | 'unreadable' | 'filtered' | 'excluded'

/** What will not arrive; null where a number is not known. */
export interface PlanUnfit {
  readonly account: string
  readonly mailbox: string | null
  readonly reason: UnfitReason
  readonly messages: number | null
  readonly bytes: number | null
  readonly limitBytes: number | null
}

/** Seconds by the clock on the wall, where all goes well and where little does. */
export interface PlanSpan {
  readonly fast: number
  readonly slow: number
}

/** What one pass costs. */
export interface PlanPass {
  readonly kind: 'initial' | 'delta' | 'final' | 'verify'
  /** Messages whose names and flags are read at the source. */
  readonly listed: number
  /** Messages that cross, or for `verify` are read again. */
  readonly messages: number
  readonly bytesFromSource: number
  readonly bytesToDestination: number
  readonly bytesFromDestination: number
  readonly seconds: PlanSpan
}

/** What the times rest on. */
export interface PlanAssumptions {
  readonly accountsAtOnce: number
  /** The project's own limit, over all connections; null for none. */
  readonly bytesPerSecond: number | null
  /** The part of a day in which work is done. */
  readonly dayShare: number
  /** Of one connection: nothing of it is measured. */
  readonly pace: {
    readonly messagesPerSecond: PlanSpan
    readonly bytesPerSecond: PlanSpan
    readonly listedPerSecond: PlanSpan
  }
  /** Days of new mail that a delta and a final pass find, at the rate of the last 365 days. */
  readonly deltaDays: number
  readonly finalDays: number
  readonly limits: readonly PlanLimit[]
}

/** What a platform lets one account do; null where it names no such limit. */
export interface PlanLimit {
  readonly side: 'source' | 'destination'
  readonly work: 'read' | 'write'
  readonly platform: string
  readonly messagesPerSecond: number | null
  readonly bytesPerSecond: number | null
  readonly bytesPerDay: number | null
}

/** What may go wrong. Words for each stand in plan-words.ts. */
export type RiskCode =
  | 'unreachable'
  | 'unreadable'
  | 'all-mail-hidden'
  | 'quota-short'
  | 'quota-tight'
  | 'quota-unknown'
  | 'too-large'
  | 'size-unknown'
  | 'day-limit'
  | 'long-lines'
  | 'bytes-changed'
  | 'dates-changed'
  | 'keywords-lost'
  | 'ids-merged'
  | 'renamed'
  | 'empty'

/** A risk, and whom it concerns. */
export interface PlanRisk {
  readonly code: RiskCode
  readonly accounts: readonly string[]
}
