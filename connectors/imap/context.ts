import type { Clock } from '../../src/core/clock.ts'
import { SealpostError } from '../../src/core/errors.ts'
import type { Position } from '../../src/core/connector.ts'
import type { Mailbox, Quota, SpecialUse } from '../../src/core/mail.ts'
import type { AccountGuide, StoredForProbe } from '../../src/core/ports.ts'
import type { ProbeFinding } from '../../src/core/probe.ts'
import type { ImapManners } from '../shared/imap-manners.ts'
import type { Limits } from './config.ts'
import type { BodyPool } from './body-pool.ts'
import type { Connection } from './connection.ts'
import type { Namespace } from './wire-name.ts'
import type { Selection } from './selection.ts'

/** What the parts of one session share. */
export interface Context {
  readonly connection: Connection
  readonly clock: Clock
  readonly limits: Limits
  readonly manners: ImapManners
  readonly guide: ContextGuide | null
  /** Shared by the account's sessions. */
  readonly namespace: Namespace
  readonly features: Features
  readonly turns: Turns
  readonly bodies: BodyPool
  /** UIDVALIDITY by wire name, as the account's sessions of this process know it: keys mean nothing under another. */
  readonly validities: Map<string, string>
  /** What is selected now; null before the first, and after a failed one. */
  selected: Selection | null
  /** By wire name, which messages are announced as large; shared by the account's sessions, like `validities`. */
  readonly sizes: Map<string, SizeBook>
  /** Mailboxes that this session has seen selectable, by wire name; null before it looked. */
  known: Map<string, Mailbox> | null
  /** The mailbox that `position` has just opened to see it as it is; good for one look while no command comes between. */
  justSeen: { readonly name: string; readonly commands: number } | null
  /** Where the session itself last saw UIDNEXT; used once by `position`. */
  readonly positions: Map<string, Position>
  /** Where any session of the account last saw UIDNEXT, by wire name, and when (monotonic). */
  readonly marks: Map<string, { readonly position: Position; readonly at: number }>
  /** Mailboxes whose position this session has asked for, or taken from another. */
  readonly positioned: Set<string>
  /** What mailboxes keep of flags, by wire name; shared by the account's sessions. */
  readonly flagsKept: Map<string, Pick<Selection, 'permanentFlags' | 'anyKeyword'>>
}

/** What a second way into the account told about its mailboxes, asked once an account. */
export interface ContextGuide {
  readonly ask: (signal: AbortSignal) => Promise<readonly Pick<Mailbox, 'path' | 'specialUse'>[]>
  readonly quota: (signal: AbortSignal) => Promise<Quota | null>
  readonly probeWriting: (
    path: readonly string[],
    stored: readonly StoredForProbe[],
    signal: AbortSignal,
  ) => AsyncIterable<ProbeFinding>
  /** Null where it has no way to put anything into the trash. */
  readonly endProbe: ((path: readonly string[], signal: AbortSignal) => AsyncIterable<ProbeFinding>) | null
  readonly told: Guided
}

/** What came of asking; shared by the account's sessions. */
export interface Guided {
  /** By path in one piece and small letters; null before it was asked. */
  uses: Map<string, SpecialUse | null> | null
  /** Wire names of mailboxes that were there when it was asked and hold no mail: calendars and their like. */
  readonly others: Set<string>
}

/** The guide of one account. */
export function guideOf(guide: AccountGuide, account: string, told: Guided): ContextGuide {
  const canEnd = guide.endProbe !== undefined
  return {
    ask: (signal) => guide.mailboxes(account, signal),
    quota: (signal) => guide.quota(account, signal),
    probeWriting: async function* (path, stored, signal) {
      if (guide.probeWriting !== undefined) yield* guide.probeWriting(account, path, stored, signal)
    },
    endProbe: canEnd
      ? async function* (path, signal) {
          if (guide.endProbe !== undefined) yield* guide.endProbe(account, path, signal)
        }
      : null,
    told,
  }
}

/** What is known of the sizes in one mailbox. */
export interface SizeBook {
  readonly validity: string
  /** Messages with lower UIDs have been looked at. */
  below: number
  readonly large: Set<number>
}

/** Extensions that were found or enabled. */
export interface Features {
  readonly condstore: boolean
  readonly qresync: boolean
  readonly esearch: boolean
  readonly binary: boolean
  readonly multiAppend: boolean
  readonly uidPlus: boolean
  readonly move: boolean
  /** How many messages a command may name (RFC 9738); what goes beyond it is left out of the answer. */
  readonly messageLimit: number
}

/** How many messages a command is given, of those that are wanted. */
export function perCommand(context: Context, wanted: number): number {
  return Math.min(wanted, context.features.messageLimit)
}

/**
 * Gives the connection to one operation at a time. A reading that waits for its consumer keeps it; what comes then is
 * a mistake of ours and is said so, rather than waited for without end.
 */
export class Turns {
  #tail: Promise<void> = Promise.resolve()
  #held = false

  /** Runs `operation` when the ones before it are done. */
  async take<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#held) throw new SealpostError('bug', 'imap: the session is reading; finish or end that first')
    const before = this.#tail
    let done: () => void = () => undefined
    this.#tail = new Promise((resolve) => (done = resolve))
    await before
    try {
      return await operation()
    } finally {
      done()
    }
  }

  /** Waits for the turn and keeps it until the returned function is called. Twice is safe. */
  async hold(): Promise<() => void> {
    if (this.#held) throw new SealpostError('bug', 'imap: the session is reading; finish or end that first')
    const before = this.#tail
    let done: () => void = () => undefined
    this.#tail = new Promise((resolve) => (done = resolve))
    await before
    this.#held = true
    return () => {
      this.#held = false
      done()
    }
  }
}
