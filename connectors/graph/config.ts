import type { Clock } from '../../src/core/clock.ts'
import type { TokenProvider } from '../../src/core/ports.ts'
import type { TlsPolicy } from '../shared/tls.ts'

/** One Microsoft 365 tenant as an end of a project, reached over Microsoft Graph. */
export interface GraphEndConfig {
  /** `graph.microsoft.com`, or that of a national cloud. */
  readonly host: string
  readonly port?: number | undefined
  /** `mode` is always implicit; `ca` and `pin` as everywhere. */
  readonly tls: Pick<TlsPolicy, 'ca' | 'pin'>
  /** App-only tokens whose audience is this host. */
  readonly tokens: TokenProvider
  readonly clock: Clock
  /** How many sessions at once an account is given; 3 unless said otherwise. */
  readonly sessions?: number | undefined
  /** Requests in flight a mailbox, over all its sessions. Exchange Online stands 4; 3 unless said otherwise. */
  readonly requestsAtOnce?: number | undefined
  /** Bodies above this come as a `large` Body, read anew from the start; 16 MiB. */
  readonly largeMessageBytes?: number | undefined
  /** Messages in one page of a listing; 200. */
  readonly pageMessages?: number | undefined
  /** Milliseconds without a byte of progress; 120,000. */
  readonly idleMs?: number | undefined
  readonly credentialOf?: ((account: string) => string) | undefined
  readonly write?: WriteMode | undefined
  /** A source session reads a copy that carries its original as that original, as destination sessions do. For tests of this connector. */
  readonly readOriginals?: boolean | undefined
}

/**
 * How messages are written. `transfer`: as the items they are at another tenant, untouched. `drafts-only`: nothing but real drafts.
 * `rebuild`: other messages are made anew from their parts, with the whole original attached when `attachOriginal` says so; such
 * a copy is degraded.
 */
export type WriteMode =
  | { readonly mode: 'drafts-only' | 'rebuild'; readonly attachOriginal: boolean }
  | {
      readonly mode: 'transfer'
      readonly from: NativeSource
      /** Whose mail goes into an account. */
      readonly sourceOf: (account: string) => string
      readonly maxMessageBytes: number
    }

/** Where items come from in Exchange's own form. */
export interface NativeSource {
  /** Base64, opaque. Throws as a session does; `not-found` for an item that is gone. */
  exportItem(account: string, key: string, signal: AbortSignal): Promise<string>
}

/** The optional numbers of a configuration with their defaults. */
export interface Limits {
  readonly sessions: number
  readonly requestsAtOnce: number
  readonly largeMessageBytes: number
  readonly pageMessages: number
  readonly idleMs: number
}

/** Fills in the defaults. More than Exchange Online stands is never asked for. */
export function limitsOf(config: GraphEndConfig): Limits {
  return {
    sessions: config.sessions ?? 3,
    requestsAtOnce: Math.min(4, config.requestsAtOnce ?? 3),
    largeMessageBytes: config.largeMessageBytes ?? 16 * 1024 * 1024,
    pageMessages: Math.min(1000, config.pageMessages ?? 200),
    idleMs: config.idleMs ?? 120_000,
  }
}
