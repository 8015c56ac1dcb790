import type { MICROSOFT_CLOUDS } from '../../../connectors/presets/exchange-online.ts'
import type { DirectoryKind, PresetName } from '../../../connectors/presets/preset.ts'
import type { Filters, Limits } from '../../engine/settings.ts'
import type { MappingRules } from '../../engine/mapping.ts'

/** An IMAP server, as project.yaml describes it. */
export interface ImapEnd {
  readonly kind: 'imap'
  /** What is known of this platform by name; null for none. */
  readonly preset: PresetName | null
  readonly host: string
  readonly port: number
  readonly tls: {
    readonly mode: 'implicit' | 'starttls' | 'none'
    /** File with the certificates to trust, relative to the project folder. */
    readonly ca: string | null
    readonly pin: string | null
  }
  readonly auth: PasswordAuth | OauthAuth
  /** Sessions at once an account stands here; null: what the project and the preset say. */
  readonly connections: number | null
  /** COMPRESS=DEFLATE where the server has it. */
  readonly compress: boolean
  /** Larger messages are refused, whatever the server says; null: what the preset and the server say. */
  readonly maxMessageBytes: number | null
  readonly directory: DirectoryConfig | null
}

/** Where the accounts of an end are listed. */
export interface DirectoryConfig {
  readonly kind: DirectoryKind
  /** Null: the end's own. */
  readonly host: string | null
  /** Null: the usual one of its kind. */
  readonly port: number | null
  readonly credential: string
}

/** Signing in with passwords. */
export interface PasswordAuth {
  readonly mode: 'password'
  /** Name of a credential, or `per-account`: each account has one of its own. */
  readonly credential: string
  /** Template of the login name; null: see `loginNamesOf`. */
  readonly username: string | null
  /** Template of the SASL authorization identity. */
  readonly authorize: string | null
}

/** Signing in with access tokens that one credential gets for all accounts. */
export interface OauthAuth {
  readonly mode: 'oauth'
  readonly credential: string
  readonly username: string | null
  readonly authorize: null
  readonly tokens: TokenSource
}

/** Who gives out access tokens, and for what. */
export type TokenSource = SignIn &
  (
    | { readonly provider: 'google' }
    | { readonly provider: 'microsoft'; readonly tenant: string; readonly clientId: string }
  )

/** What the sign-in services have in common; null: the usual. */
export interface SignIn {
  readonly scope: string | null
  /** Another place than the provider's own. */
  readonly endpoint: string | null
  /** File with the certificates to trust there, relative to the project folder. */
  readonly ca: string | null
}

/** The users of a Google Workspace, as its Admin SDK lists them. */
export interface GoogleDirectoryConfig {
  readonly kind: 'google'
  /** The administrator for whom the service account acts. */
  readonly admin: string
  /** One domain of the customer; null: all of them. */
  readonly domain: string | null
  readonly credential: string
  /** Another place than Google's own. */
  readonly endpoint: string | null
}

/** The Gmail API. */
export interface GmailEnd {
  readonly kind: 'gmail'
  readonly auth: { readonly credential: string; readonly tokens: SignIn & { readonly provider: 'google' } }
  /** Another place than Google's own. */
  readonly endpoint: string | null
  readonly ca: string | null
  readonly write: 'import' | 'insert'
  readonly unitsPerMinute: number | null
  /** Quota units a call, by name. */
  readonly costs: Readonly<Record<string, number>>
  readonly directory: GoogleDirectoryConfig | null
}

/** A Microsoft 365 tenant, over Microsoft Graph and IMAP. */
export interface GraphEnd {
  readonly kind: 'graph'
  readonly cloud: keyof typeof MICROSOFT_CLOUDS
  readonly auth: {
    readonly credential: string
    readonly tokens: SignIn & {
      readonly provider: 'microsoft'
      readonly tenant: string
      readonly clientId: string
    }
  }
  /** Another place than the cloud's own Graph. */
  readonly endpoint: string | null
  readonly imap: { readonly host: string; readonly port: number }
  readonly ca: string | null
  /** How a source is read. */
  readonly read: 'graph' | 'imap'
  /** How a destination is written: `transfer` from another tenant; what comes after it is a fallback. */
  readonly write: 'imap' | 'transfer' | 'rebuild' | 'rebuild-with-original' | 'drafts'
  /** Whether keywords become categories. */
  readonly keywords: 'none' | 'all'
  readonly maxMessageBytes: number | null
}

/** Maildir++ folders, one an account. */
export interface MaildirEnd {
  readonly kind: 'maildir'
  /** Template of the folder, relative to the project folder. */
  readonly path: string
}

/** Mbox files, one or a folder of them an account; a source only. */
export interface MboxEnd {
  readonly kind: 'mbox'
  /** Template of the file or folder, relative to the project folder. */
  readonly path: string
  /** How the writer of the files hid body lines that begin with `From `. */
  readonly quoting: 'mboxrd' | 'mboxo' | 'none'
}

/** An end that lies in files of this machine. */
export type FileEnd = MaildirEnd | MboxEnd

/** One end of a project. */
export type EndConfig = ServerEnd | FileEnd

/** An end at a server, which needs a credential. */
export type ServerEnd = ImapEnd | GmailEnd | GraphEnd

/** True for an end that lies in files of this machine. */
export function isFileEnd(end: EndConfig): end is FileEnd {
  return end.kind === 'maildir' || end.kind === 'mbox'
}

/** The limits of a project: the engine's, and those of its connections and spool. */
export interface ProjectLimits extends Limits {
  /** Sessions at once an account stands at an end that is a server, where nothing else is known of it. */
  readonly connections: number
  /** Without a byte for so many milliseconds while a command runs, a connection counts as dead. */
  readonly deadAfterMs: number
  /** Bodies above this many bytes go through the spool. */
  readonly spoolThresholdBytes: number
}

/** project.yaml, checked. */
export interface ProjectConfig {
  readonly client: string
  readonly source: EndConfig
  readonly destination: EndConfig
  /** The list of accounts, relative to the project folder. */
  readonly mailboxes: string
  readonly mapping: MappingRules
  readonly filters: Filters
  readonly limits: ProjectLimits
}

/** The word that stands for one credential an account. */
export const PER_ACCOUNT = 'per-account'
