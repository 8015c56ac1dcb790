import type { Clock } from '../../src/core/clock.ts'
import type { Capabilities } from '../../src/core/connector.ts'

/** Where the Maildirs are and how they are read. */
export interface MaildirOptions {
  /** The absolute path of an account's Maildir: the folder that holds its `cur`, `new` and `tmp`. */
  readonly path: (account: string) => string
  readonly clock: Clock
  /** Folders that a destination may not be, hold or lie in: the source's Maildir, when that is one too. */
  readonly apartFrom?: (account: string) => readonly string[]
  /** Bodies longer than this are handed over as a `Body` (default 16 MiB). */
  readonly largeMessageBytes?: number
}

/** Default of `MaildirOptions.largeMessageBytes`. */
export const LARGE_MESSAGE_BYTES = 16 * 1024 * 1024

/** What a Maildir stands and does. A batch spares a flush of the folder for each message. */
export const MAILDIR_CAPABILITIES: Capabilities = {
  sessions: 4,
  appendBatch: { messages: 100, bytes: 32 * 1024 * 1024 },
  maxMessageBytes: null,
  keepsBytes: true,
  keepsInternalDate: true,
  keywords: 'any',
  labels: false,
  keyOnAppend: true,
  delta: 'scan',
  merges: 'none',
  move: true,
  readable: true,
}

/**
 * The one validity that a Maildir has. A key is a base name, and a base name is never given twice, in no folder and on
 * no machine: what it means cannot change, only cease. So it holds for a folder made anew, a copy and a restored one.
 */
export const MAILDIR_VALIDITY = 'maildir'
