import type { Clock } from '../../src/core/clock.ts'
import type { Capabilities } from '../../src/core/connector.ts'
import type { MailboxNaming } from '../../src/core/mail.ts'

/**
 * How the writer of the files hid body lines that begin with `From `. `mboxrd`: one `>` before every such line, however
 * many stand there already, so that taking one off gives back what was written. `mboxo`: only before `From ` itself, so
 * that `>From ` in a message cannot be told from a hidden `From `, and `>>From ` was there before. `none`: not at all.
 */
export type Quoting = 'mboxrd' | 'mboxo' | 'none'

/** Where the mbox files are and how they are read. */
export interface MboxOptions {
  /** The absolute path of an account's mail: one mbox file, or a folder with several. */
  readonly path: (account: string) => string
  readonly clock: Clock
  readonly quoting: Quoting
  /** Bodies longer than this are handed over as a `Body` (default 16 MiB). */
  readonly largeMessageBytes?: number
}

/** Default of `MboxOptions.largeMessageBytes`. */
export const LARGE_MESSAGE_BYTES = 16 * 1024 * 1024

/** What mbox files show. They are only read: what concerns writing says no. */
export const MBOX_CAPABILITIES: Capabilities = {
  sessions: 4,
  appendBatch: { messages: 1, bytes: LARGE_MESSAGE_BYTES },
  maxMessageBytes: null,
  keepsBytes: true,
  keepsInternalDate: true,
  keywords: 'any',
  labels: false,
  keyOnAppend: false,
  delta: 'scan',
  merges: 'none',
  move: false,
  readable: true,
}

/** Names are those of files and labels; nothing is ever made here, so that nothing needs to be forbidden. */
export const MBOX_NAMING: MailboxNaming = {
  delimiter: '/',
  forbidden: '',
  maxLevelBytes: 255,
  caseSensitive: true,
  belowInbox: false,
}
