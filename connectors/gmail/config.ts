import type { Clock } from '../../src/core/clock.ts'
import type { TokenProvider } from '../../src/core/ports.ts'

/** What a project may set of quota units a call, by the names of Google's table. */
export type UnitName =
  | 'profile'
  | 'list'
  | 'get'
  | 'history'
  | 'insert'
  | 'import'
  | 'modify'
  | 'batch-modify'
  | 'labels-list'
  | 'labels-write'

/** Quota units a call, as published for Google Cloud projects made since May 2026. */
export const UNIT_COSTS: Readonly<Record<UnitName, number>> = {
  profile: 1,
  list: 5,
  get: 20,
  history: 2,
  insert: 25,
  import: 25,
  modify: 5,
  'batch-modify': 50,
  'labels-list': 1,
  'labels-write': 5,
}

/** Quota units that one project may use in a minute for one user. */
export const UNITS_PER_MINUTE = 6_000

/** One Gmail end of a project. */
export interface GmailEndConfig {
  /** Tokens of the users: the scope gmail.readonly is enough at a source, gmail.modify is needed at a destination. */
  readonly tokens: TokenProvider
  readonly clock: Clock
  /** Where the API is; Google's own unless said otherwise. Ends in a slash. */
  readonly endpoint?: string | undefined
  /** PEM of the certificates to trust there instead of the public roots. */
  readonly ca?: Buffer | string | undefined
  /**
   * How messages are stored: `import` classifies as for mail that arrives (never as spam), `insert` puts them where
   * they are told to without looking at them.
   */
  readonly write?: 'import' | 'insert' | undefined
  readonly unitsPerMinute?: number | undefined
  readonly costs?: Partial<Readonly<Record<UnitName, number>>> | undefined
  /** How many sessions at once an account stands; 4 unless said otherwise. */
  readonly sessions?: number | undefined
  /** Milliseconds without a byte of progress; 120,000. */
  readonly idleMs?: number | undefined
  /** Bodies above this come as a `large` Body, which is read anew each time; 16 MiB. */
  readonly largeMessageBytes?: number | undefined
  /** Bodies above this are sent by a resumable upload; 4 MiB. */
  readonly resumableBytes?: number | undefined
  /** What Gmail takes at most; 150 MiB, as its reference says. */
  readonly maxMessageBytes?: number | undefined
  /** Messages that one batch request asks for; 25, and Google takes at most 100. */
  readonly batchMessages?: number | undefined
  /** Names the credential that an account uses, where several share one. */
  readonly credentialOf?: ((account: string) => string) | undefined
}

/** The optional parts of a configuration with their defaults. */
export interface Limits {
  readonly endpoint: string
  readonly write: 'import' | 'insert'
  readonly unitsPerMinute: number
  readonly costs: Readonly<Record<UnitName, number>>
  readonly sessions: number
  readonly largeMessageBytes: number
  readonly resumableBytes: number
  readonly maxMessageBytes: number
  readonly batchMessages: number
}

const MIB = 1024 * 1024

/** Fills in the defaults. */
export function limitsOf(config: GmailEndConfig): Limits {
  return {
    endpoint: config.endpoint ?? 'https://gmail.googleapis.com/',
    write: config.write ?? 'import',
    unitsPerMinute: config.unitsPerMinute ?? UNITS_PER_MINUTE,
    costs: { ...UNIT_COSTS, ...config.costs },
    sessions: config.sessions ?? 4,
    largeMessageBytes: config.largeMessageBytes ?? 16 * MIB,
    resumableBytes: config.resumableBytes ?? 4 * MIB,
    maxMessageBytes: config.maxMessageBytes ?? 150 * MIB,
    batchMessages: config.batchMessages ?? 25,
  }
}
