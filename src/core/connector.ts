import type {
  Candidate,
  Fetched,
  FlagChange,
  FlagRefusal,
  FlagState,
  Listed,
  Mailbox,
  MailboxNaming,
  NewMessage,
  Quota,
  SpecialUse,
} from './mail.ts'
import type { SealpostError } from './errors.ts'
import type { ProbeFinding } from './probe.ts'

/** Facts about one session. The engine asks these and never a connector's name. */
export interface Capabilities {
  /** How many sessions at once this account stands. */
  readonly sessions: number
  /** The largest batch `append` takes. One message: no batch. More: all-or-nothing (RFC 3502 MULTIAPPEND). */
  readonly appendBatch: { readonly messages: number; readonly bytes: number }
  /** Larger messages are refused; null where the end does not say (RFC 7889 APPENDLIMIT). */
  readonly maxMessageBytes: number | null
  /** What is read back equals what was written, but for the rules of `matchDigest`. */
  readonly keepsBytes: boolean
  readonly keepsInternalDate: boolean
  readonly keywords: 'any' | 'listed' | 'none'
  /** One message may sit in several mailboxes. */
  readonly labels: boolean
  /** `append` names the key of what it stored (RFC 4315 UIDPLUS, or an id of an API). */
  readonly keyOnAppend: boolean
  /** How a later listing learns of changes. `scan`: by listing everything again. */
  readonly delta: 'modseq' | 'history' | 'token' | 'scan'
  /**
   * A server that folds equal Message-IDs into one message: `append` answers with the key of the one it had, which with
   * `labels` lies in the mailbox from then on.
   */
  readonly merges: 'none' | 'message-id'
  readonly move: boolean
  /** Flags that `append` cannot make stick and `setFlags` can; they are left to it. None where it is absent. */
  readonly lateFlags?: readonly string[]
  /** Messages with a longer line are refused; bytes, the line end not counted. Absent where the end does not say. */
  readonly maxLineBytes?: number
  /** False for an archive sealed to a key that is not ours: then `fetch` and `flags` of a destination throw `locked`. */
  readonly readable: boolean
  /**
   * What is appended is `held` until the volume that it went into is whole and was read again; then all of it has landed at
   * once. Such an end takes every flag with the message, `\Deleted` too, since nothing is ever expunged there.
   */
  readonly holds?: true
}

/** Where a source listing resumes; made and read by the connector alone. */
export type Cursor = string

/** A low-water mark: what is stored from now on has a key at or above `next` while `validity` stands. */
export interface Position {
  /** UIDVALIDITY, or whatever says that keys still mean what they meant. */
  readonly validity: string
  /** UIDNEXT, or its like. Grows with each message stored; with `labels` one scale for all mailboxes of the account. */
  readonly next: string
}

/**
 * One step of a listing. `stale`: the cursor is no longer good, nothing else follows, list again from null.
 * `end` comes last, once; its cursor was taken before the listing began, so that nothing falls between two listings.
 */
export type Page =
  | { readonly kind: 'messages'; readonly messages: readonly Listed[] }
  | { readonly kind: 'flags'; readonly states: readonly FlagState[] }
  | { readonly kind: 'expunged'; readonly keys: readonly string[] }
  | { readonly kind: 'present'; readonly keys: readonly string[] }
  | { readonly kind: 'stale' }
  | {
      readonly kind: 'end'
      readonly cursor: Cursor
      /** Every message that exists was named in a `messages` or `present` step of this listing; others are gone. */
      readonly complete: boolean
    }

/**
 * What came of one message handed to `append`. `unknown`: the last byte of its command was handed to the socket and
 * no reply came; only reconcile may decide (RFC 9051 section 6.3.12 gives no other way). `held`: capability `holds`.
 */
export type Outcome =
  | { readonly kind: 'landed'; readonly key: string | null; readonly validity: string | null }
  | { readonly kind: 'held'; readonly key: string; readonly validity: string }
  | { readonly kind: 'refused'; readonly error: SealpostError }
  | { readonly kind: 'unknown'; readonly error: SealpostError }

/** What both kinds of session can do. Every method throws `SealpostError` and nothing else. */
export interface Session {
  readonly capabilities: Capabilities
  readonly naming: MailboxNaming
  /** False once the connection is gone; the session is then only good for `close`. */
  readonly alive: boolean
  listMailboxes(signal: AbortSignal): AsyncIterable<Mailbox>
  /**
   * Bodies of the messages that `keys` name, in any order, many a round trip; each key is answered once.
   * Never marks anything as seen. The consumer may be slow: the session must not buffer without bound. A body keeps its bytes
   * until it is given back (`release`).
   */
  fetch(mailbox: Mailbox, keys: readonly string[], signal: AbortSignal): AsyncIterable<Fetched>
  /** Flags of the messages that still exist; others are left out. */
  flags(mailbox: Mailbox, keys: readonly string[], signal: AbortSignal): AsyncIterable<FlagState>
  quota(signal: AbortSignal): Promise<Quota | null>
  /**
   * For `doctor`: what this end says about itself beyond capabilities, naming and quota, such as TLS, namespaces, limits, its
   * clock, rights of the token. Over this session, so that nobody logs in twice; reads only. A question that the server
   * refuses is a finding; it throws only when the session is lost. Absent where there is nothing to ask.
   */
  probe?(signal: AbortSignal): AsyncIterable<ProbeFinding>
  /** Twice is safe; never throws; never expunges. */
  close(): Promise<void>
}

/** Reads one account and changes nothing in it (invariant 1). */
export interface SourceSession extends Session {
  /** Lists from `since`, or everything when it is null. */
  listMessages(mailbox: Mailbox, since: Cursor | null, signal: AbortSignal): AsyncIterable<Page>
}

/** Writes one account. Never expunges, never deletes (invariant 1). */
export interface DestinationSession extends Session {
  /** Finds or creates the mailbox at `path` and its parents. Twice is safe. */
  ensureMailbox(path: readonly string[], specialUse: SpecialUse | null, signal: AbortSignal): Promise<Mailbox>
  /** Twice is safe. */
  subscribe(mailbox: Mailbox, signal: AbortSignal): Promise<void>
  position(mailbox: Mailbox, signal: AbortSignal): Promise<Position>
  /**
   * Stores a batch within `capabilities.appendBatch`; one outcome a message, in order. Throws only when nothing can
   * have been stored. `\Deleted` must not be among the flags (it is set last, by `setFlags`), but for an end that `holds`.
   * The body of what has landed is the caller's again; of what is held it stays in use.
   */
  append(mailbox: Mailbox, batch: readonly NewMessage[], signal: AbortSignal): Promise<readonly Outcome[]>
  /**
   * Resolves when these bodies may be sent, where the end is held to a rate; whoever appends them waits for it first, before he
   * writes down that he does. Bodies that are read in pieces are held to it as they are sent.
   */
  whenMaySend?(batch: readonly NewMessage[], signal: AbortSignal): Promise<void>
  /** What is there at or above `since`, or everything when it is null. */
  find(mailbox: Mailbox, since: Position | null, signal: AbortSignal): AsyncIterable<Candidate>
  /** Twice is safe. Messages that are gone are passed over. */
  setFlags(mailbox: Mailbox, changes: readonly FlagChange[], signal: AbortSignal): Promise<readonly FlagRefusal[]>
  /** Capability `move`. One outcome a key, in order; `refused` with kind `not-found` when it is no longer there. */
  move(from: Mailbox, keys: readonly string[], to: Mailbox, signal: AbortSignal): Promise<readonly Outcome[]>
  /** Capability `labels`. */
  addToMailbox(key: string, mailbox: Mailbox, signal: AbortSignal): Promise<void>
  /**
   * For `doctor --write`: what only writing shows of this end and the common round trip does not. Everything it leaves lies in
   * `scratch`, a mailbox made for it. Otherwise as `probe`.
   */
  probeWriting?(scratch: Mailbox, signal: AbortSignal): AsyncIterable<ProbeFinding>
  /**
   * For `doctor --write`, last: puts `scratch` with all that lies in it into the trash, where a person can still find it, and says
   * so; then asks what would have kept everything before it waiting. Absent where an end has no such way. Otherwise as `probe`.
   */
  endProbe?(scratch: Mailbox, signal: AbortSignal): AsyncIterable<ProbeFinding>
}

/** A factory for sessions of one end of a project. `account` is a row's name for the account. */
export interface Connector {
  /** Names the credential that the account's sessions use, where several share one; absent where none is needed. */
  credentialOf?(account: string): string
  openSource(account: string, signal: AbortSignal): Promise<SourceSession>
  openDestination(account: string, signal: AbortSignal): Promise<DestinationSession>
  /**
   * For `doctor --write`: how many sessions at once the account stands, found out by opening them; `open` are open already. They
   * are closed when it returns. Absent where sessions are no connections. Throws `cancelled` alone.
   */
  probeSessions?(account: string, open: number, signal: AbortSignal): Promise<ProbeFinding>
}
