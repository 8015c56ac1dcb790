/** Special-use attributes of RFC 6154, and `inbox`, which every account has. */
export type SpecialUse =
  'inbox' | 'all' | 'archive' | 'drafts' | 'flagged' | 'important' | 'junk' | 'sent' | 'trash'

/** One mailbox as its connector lists it. */
export interface Mailbox {
  /**
   * Decoded name, one element a level, relative to the personal namespace: the prefix of a namespace
   * (`INBOX.`) is not part of it. The inbox is `['INBOX']` whatever the server calls it.
   */
  readonly path: readonly string[]
  /** The connector's own handle (for IMAP the name on the wire); opaque to everyone else. */
  readonly name: string
  readonly specialUse: SpecialUse | null
  /** False for a level that only holds others (RFC 3501 `\Noselect`, RFC 5258 `\NonExistent`). */
  readonly selectable: boolean
  readonly subscribed: boolean
  /** True where nothing can lie below it (`\\Noinferiors`). */
  readonly childless?: boolean
}

/**
 * What names an end can store. The mapper keeps to it, so that no name is refused, merged or split on the way.
 */
export interface MailboxNaming {
  /** The character between levels, or null where the end is flat. No level may hold it. */
  readonly delimiter: string | null
  /** Further characters that no level may hold. C0, DEL and C1 controls are never allowed anywhere. */
  readonly forbidden: string
  /** Levels longer than this many bytes of UTF-8 are shortened by the mapper. */
  readonly maxLevelBytes: number
  /** A whole name longer than this, in bytes of UTF-8 with its delimiters, is shortened too; absent where only levels count. */
  readonly maxNameBytes?: number
  /** The most bytes of modified UTF-7 (RFC 3501 section 5.1.3) that a level and a whole name may have, where they are files of a server. */
  readonly maxEncoded?: { readonly level: number; readonly name: number }
  /** False where a level neither begins nor ends in a blank: the end drops them, or refuses the name. */
  readonly blanksAtEnds?: boolean
  /** First levels, in small letters, that the end keeps for mailboxes of its own. */
  readonly reserved?: readonly string[]
  /** False where `Trash` and `trash` are one mailbox. */
  readonly caseSensitive: boolean
  /** True where all mailboxes live below the inbox (`INBOX.`), so that `['INBOX','A']` and `['A']` are one. */
  readonly belowInbox: boolean
}

/** One message as a listing shows it. */
export interface Listed {
  /** Identity within the mailbox while it keeps its validity; for IMAP the UID in decimal. */
  readonly key: string
  /** As announced (RFC822.SIZE). It decides nothing (invariant 7). */
  readonly bytes: number
  /** INTERNALDATE as milliseconds since 1970-01-01 UTC. */
  readonly internalDate: number
  /** System flags with their backslash, and keywords; never `\Recent`. */
  readonly flags: readonly string[]
  /** One in all mailboxes that show the message (capability `labels`); absent where each mailbox has its own. */
  readonly identity?: string
  /** Names of the labels that the user gave it, levels parted by `/` (capability `labels`). */
  readonly labels?: readonly string[]
}

/** The flags of one message. */
export interface FlagState {
  readonly key: string
  readonly flags: readonly string[]
  /** As `Listed` has them. */
  readonly labels?: readonly string[]
}

/** A body of known size that can be read more than once. */
export interface Body {
  readonly bytes: number
  /** Reads from the start; throws `corrupt` or `transient` rather than ending early. */
  open(): AsyncIterable<Uint8Array>
}

/** What came of asking for one message. A body is handed over only when its end was confirmed (invariant 7). */
export type Fetched =
  | {
      readonly kind: 'whole'
      readonly key: string
      readonly body: Uint8Array
      /** Gives the memory of the body back, which may then hold another. Twice is safe; may be left uncalled. */
      readonly release?: () => void
    }
  | { readonly kind: 'large'; readonly key: string; readonly body: Body }
  | { readonly kind: 'gone'; readonly key: string }
  /** It is there, and its end cannot hand it over: what came is no message of anybody's. `reason` holds no mail. */
  | { readonly kind: 'unreadable'; readonly key: string; readonly reason: string }

/** One message to be stored. */
export interface NewMessage {
  readonly body: Uint8Array | Body
  readonly internalDate: number
  readonly flags: readonly string[]
  /** The body holds a NUL byte and needs a literal8 (RFC 3516 section 4.4) where the end has one. */
  readonly nul: boolean
  /** Its key at the source, for an end that writes it down. */
  readonly sourceKey?: string
  /**
   * A connection has died in its presence. An end that can hands the last byte over only when the server has had the
   * time to die of what came before: then it is known that nothing was stored. It changes nothing else.
   */
  readonly suspect?: boolean
}

/** A message at the destination that a row of the ledger might be. */
export interface Candidate {
  readonly key: string
  readonly bytes: number | null
  readonly internalDate: number
  readonly flags: readonly string[]
  /** As `messageIdOf` reads it from the header, null when there is none. */
  readonly messageId: string | null
}

/** What to change on one message; flags not named stay as they are. */
export interface FlagChange {
  readonly key: string
  readonly add: readonly string[]
  readonly remove: readonly string[]
}

/** A flag that the destination would not store. */
export interface FlagRefusal {
  readonly key: string
  readonly flag: string
  /** The server's words, safe to print. */
  readonly reason: string
}

/** Storage used and allowed, in bytes; null where the end does not say. */
export interface Quota {
  readonly usedBytes: number
  readonly limitBytes: number | null
}

/** System flags that a client may set (RFC 3501 section 2.3.2). */
export const SYSTEM_FLAGS: readonly string[] = ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen']

/**
 * Brings a flag list into the one form that is stored and compared: system flags in their usual case, no `\Recent`,
 * no doubles (keywords are case-insensitive, RFC 9051 section 2.3.2), sorted. Twice is safe.
 */
export function normalizeFlags(flags: Iterable<string>): readonly string[] {
  const kept = new Map<string, string>()
  for (const flag of flags) {
    const folded = flag.toLowerCase()
    if (flag === '' || folded === '\\recent') continue
    kept.set(folded, SYSTEM_FLAGS.find((known) => known.toLowerCase() === folded) ?? kept.get(folded) ?? flag)
  }
  return [...kept.values()].sort((a, b) => (a < b ? -1 : 1))
}
