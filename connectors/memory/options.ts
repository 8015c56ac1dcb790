import type { Clock } from '../../src/core/clock.ts'
import type { Capabilities } from '../../src/core/connector.ts'
import type { SealpostError } from '../../src/core/errors.ts'
import type { MailboxNaming, NewMessage } from '../../src/core/mail.ts'

/** What a session is doing. `page`, `body` and `candidate` come once for each thing that is handed out. */
export type MemoryOp =
  | 'open'
  | 'listMailboxes'
  | 'listMessages'
  | 'page'
  | 'fetch'
  | 'body'
  | 'read'
  | 'flags'
  | 'quota'
  | 'ensureMailbox'
  | 'subscribe'
  | 'position'
  | 'append'
  | 'find'
  | 'candidate'
  | 'setFlags'
  | 'move'
  | 'addToMailbox'
  | 'close'

/** A point at which a test may look, throw, or ask for a fault. */
export interface MemoryStep {
  readonly session: 'source' | 'destination'
  readonly account: string
  readonly op: MemoryOp
  /** Its path with `/` between levels, or null where no mailbox is concerned. */
  readonly mailbox: string | null
  readonly phase: 'before' | 'after'
  /** The keys asked for or handed out, where there are any. */
  readonly keys: readonly string[]
  /** What `append` was given; else empty. */
  readonly batch: readonly NewMessage[]
}

/**
 * What may be made to go wrong, returned from `onStep`. The last three are for `append` in phase `before`:
 * `lose-reply` stores the first `stored` messages (all when not said), `land-late` stores them so many milliseconds
 * later, and after both every outcome is `unknown` and the session dead; `refuse` refuses the message at `index`
 * (0 when not said), and with it the whole batch where batches are all-or-nothing.
 */
export type MemoryFault =
  | { readonly fault: 'die' }
  | { readonly fault: 'lose-reply'; readonly stored?: number }
  | { readonly fault: 'land-late'; readonly milliseconds: number; readonly stored?: number }
  | { readonly fault: 'refuse'; readonly error: SealpostError; readonly index?: number }

/**
 * Called at every step. A `SealpostError` thrown `before` ends the operation with nothing done; thrown `after` an
 * append it makes the outcomes `unknown`. Anything else thrown is a crash: it passes through to the caller as it is
 * and the session is dead.
 */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a hook that only looks returns nothing
export type StepHook = (step: MemoryStep) => void | MemoryFault | Promise<void | MemoryFault>

/** What a memory end is to be like. Everything left out is the most capable sort. */
export interface MemoryOptions {
  readonly capabilities?: Partial<Capabilities>
  readonly naming?: Partial<MailboxNaming>
  /** The keywords that are stored when `capabilities.keywords` is `listed`. */
  readonly listedKeywords?: readonly string[]
  /** How a listing from a cursor tells what is gone: by naming it, or by naming all that is left. */
  readonly expunges?: 'named' | 'present'
  /** Bodies longer than this are handed over as a `Body` (default 16 MiB). */
  readonly largeMessageBytes?: number
  /** Messages in one page of a listing (default 500). */
  readonly pageMessages?: number
  /** Length of the pieces of a large body (default 64 KiB). */
  readonly pieceBytes?: number
  /** A batch of more than one is stored whole or not at all (RFC 3502; default true). */
  readonly atomicBatches?: boolean
  /** What the end makes of a body that it stores (`keepsBytes`); as it is when left out. */
  readonly alterBody?: (body: Uint8Array) => Uint8Array
  /** Why the end would not take a message, or null. */
  readonly refuse?: (message: NewMessage, body: Uint8Array) => SealpostError | null
  readonly onStep?: StepHook
  /** Time for late landing and for dates that are not kept; the machine's when left out. */
  readonly clock?: Clock
}

/** The facts of a memory end when `MemoryOptions.capabilities` says nothing. */
export const MEMORY_CAPABILITIES: Capabilities = {
  sessions: 4,
  appendBatch: { messages: 100, bytes: 16 * 1024 * 1024 },
  maxMessageBytes: null,
  keepsBytes: true,
  keepsInternalDate: true,
  keywords: 'any',
  labels: false,
  keyOnAppend: true,
  delta: 'modseq',
  merges: 'none',
  move: true,
  readable: true,
}

/** The names a memory end stores when `MemoryOptions.naming` says nothing. */
export const MEMORY_NAMING: MailboxNaming = {
  delimiter: '/',
  forbidden: '',
  maxLevelBytes: 200,
  caseSensitive: true,
  belowInbox: false,
}

/** Keywords stored by an end of the sort `listed` when `MemoryOptions.listedKeywords` says nothing. */
export const MEMORY_KEYWORDS: readonly string[] = ['$Forwarded', '$MDNSent', '$Junk', '$NotJunk']
