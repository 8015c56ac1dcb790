import type { ImapManners } from '../shared/imap-manners.ts'

/** The platforms that are known by name. */
export const PRESET_NAMES = [
  'cpanel',
  'zimbra',
  'exchange',
  'google',
  'microsoft365',
  'outlook.com',
  'yahoo',
  'icloud',
  'zoho',
  'fastmail',
  'godaddy',
  'courier',
  'cyrus',
  'dovecot',
] as const

/** One of them. */
export type PresetName = (typeof PRESET_NAMES)[number]

/** Administration interfaces over which accounts are listed. */
export type DirectoryKind = 'cpanel' | 'zimbra' | 'dovecot' | 'cyrus'

/** Where a fact comes from: what the tests of this project run, a document of the vendor, a report of users. */
export type Evidence = 'tested' | 'documented' | 'reported'

/** What is known of an IMAP platform, so that a project has to say only what differs from customer to customer. */
export interface Preset {
  /** As people call it. */
  readonly title: string
  /** Null where each customer has a host of its own. */
  readonly host: string | null
  readonly port: number
  readonly tls: 'implicit'
  /** How mailboxes are named there; the connector asks the server, and this is what to expect. */
  readonly namespace: { readonly prefix: string; readonly delimiter: string }
  readonly auth: {
    readonly mode: 'password' | 'oauth'
    /** Who gives the access tokens; null where passwords are used, or anybody might. */
    readonly provider: 'google' | 'microsoft' | null
    /** How an administrator opens an account; null where nobody can. Used unless each account has its own credential. */
    readonly admin: { readonly username: string; readonly authorize: string | null } | null
  }
  /** Connections at once that an account stands. */
  readonly connections: number
  readonly manners: ImapManners
  /** False where mail is stored in another form than it came, so that bytes are not compared. */
  readonly keepsBytes: boolean
  readonly directory: DirectoryKind | null
  /** What a migration engineer has to know, each in one line. */
  readonly quirks: readonly string[]
  readonly evidence: Evidence
}
