import type { Clock } from '../../src/core/clock.ts'
import type { AccountGuide } from '../../src/core/ports.ts'
import type { ImapManners } from '../shared/imap-manners.ts'
import type { TlsPolicy } from '../shared/tls.ts'

/** How one account is logged in to. */
export interface Login {
  readonly username: string
  /** SASL authorization identity: whose mailboxes are opened, when that is not `username` itself. */
  readonly authorize: string | null
  /** A password, or access tokens of which a refused one may be refreshed once. */
  readonly secret: { text(): string } | { token(force: boolean): Promise<string> }
  /** What to do when the server refuses a password; a general word otherwise. */
  readonly refusedHint?: string
}

/** What a connection tells about itself: nothing secret. */
export interface ConnectedEvent {
  readonly event: 'connected'
  readonly account: string
  /** Null without TLS. */
  readonly protocol: string | null
  readonly cipher: string | null
  /** SHA-256 of the server's certificate, in hex. */
  readonly certificate: string | null
}

/** One IMAP end of a project. */
export interface ImapEndConfig {
  readonly host: string
  readonly port: number
  /** `pin` is compared with the SHA-256 of the certificate and of its public key (SPKI); hex or base64. */
  readonly tls: TlsPolicy
  readonly loginFor: (account: string, signal: AbortSignal) => Promise<Login>
  readonly clock: Clock
  /** How many sessions at once an account stands; 4 unless said otherwise. */
  readonly sessions?: number | undefined
  /** Milliseconds. `idle`: without a byte of progress while a command runs. */
  readonly timeouts?: { readonly connect?: number; readonly idle?: number } | undefined
  /** Bodies above this come as a `large` Body, read in ranges; 16 MiB. */
  readonly largeMessageBytes?: number | undefined
  /** Size of those ranges; 4 MiB. */
  readonly rangeBytes?: number | undefined
  /** False for a server known to re-render mail. */
  readonly keepsBytes?: boolean | undefined
  /** COMPRESS=DEFLATE where the server has it; off unless it is said. */
  readonly compress?: boolean | undefined
  /** What the service wants beyond the protocol; nothing where it is left out. */
  readonly manners?: ImapManners | undefined
  /** Tells which mailboxes hold mail and what they are for, where the server's list does not. */
  readonly guide?: AccountGuide | undefined
  /** Names the credential that an account uses, where several share one. */
  readonly credentialOf?: ((account: string) => string) | undefined
  readonly onEvent?: ((event: ConnectedEvent) => void) | undefined
}

/** The optional numbers of a configuration with their defaults. */
export interface Limits {
  readonly sessions: number
  readonly connectMs: number
  readonly idleMs: number
  readonly largeMessageBytes: number
  readonly rangeBytes: number
}

/** Fills in the defaults. */
export function limitsOf(config: ImapEndConfig): Limits {
  return {
    sessions: config.sessions ?? 4,
    connectMs: config.timeouts?.connect ?? 30_000,
    idleMs: config.timeouts?.idle ?? 120_000,
    largeMessageBytes: config.largeMessageBytes ?? 16 * 1024 * 1024,
    rangeBytes: config.rangeBytes ?? 4 * 1024 * 1024,
  }
}
