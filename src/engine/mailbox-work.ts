import type { Mailbox } from '../core/mail.ts'
import type { MailboxRecord } from '../core/ledger.ts'
import { MailboxGate } from './mailbox-gate.ts'
import { Turns } from './turns.ts'

/** Where the work on one mailbox stands. */
export type WorkPhase = 'new' | 'preparing' | 'moving' | 'finishing' | 'done'

/** One mailbox of a pair while a run works on it. */
export interface MailboxWork {
  readonly record: MailboxRecord
  readonly source: Mailbox
  readonly destinationPath: readonly string[]
  /** Shared by all works that go to the same destination mailbox. */
  readonly gate: MailboxGate
  /** Shared by all works of an account: messages that the destination may merge are sent one after the other. */
  readonly turns: Turns
  /** The destination mailbox, once it is known to exist. */
  destination: Mailbox | null
  phase: WorkPhase
  /** The source is still being listed, so that more rows may come. */
  listing: boolean
  /** Rows up to here have been handed out. */
  afterId: number
  /** How many rows a slice of it is given, and of how many that was reckoned. */
  share: { readonly ahead: number; readonly rows: number }
  /** Nothing was pending when last asked, and no listing goes on. */
  exhausted: boolean
  /** Slices handed out and not yet settled. */
  active: number
  /** Rows that may have killed a connection, tried again alone when the others are through. */
  readonly suspects: Suspect[]
  /** Rows whose message the source could not hand over, read again when the others are through; once each (`isSecond`). */
  readonly unread: { readonly waiting: Set<number>; readonly isSecond: Set<number> }
  /** Candidates were written down, so that what comes may be there already. */
  hasCandidates: boolean
  /** Rows of earlier epochs wait to be matched by content. */
  epochsOpen: boolean
  /** An earlier run could not list the source mailbox. */
  wasUnlisted: boolean
}

/** A row that a connection died over, in company and alone. */
export interface Suspect {
  readonly id: number
  /** How much the pair had landed in this run when it was set aside. */
  readonly landedBefore: number
}

/** The work of one mailbox, not begun. */
export function newWork(
  record: MailboxRecord,
  source: Mailbox,
  gate: MailboxGate,
  turns = new Turns(),
): MailboxWork {
  return {
    record,
    source,
    destinationPath: record.destination.path,
    gate,
    turns,
    destination: null,
    phase: 'new',
    listing: false,
    afterId: 0,
    share: { ahead: 0, rows: 0 },
    exhausted: false,
    active: 0,
    suspects: [],
    unread: { waiting: new Set(), isSecond: new Set() },
    hasCandidates: false,
    epochsOpen: record.epoch > 0,
    wasUnlisted: false,
  }
}

/** One gate for each destination mailbox. */
export function gatesByDestination(records: readonly MailboxRecord[]): Map<number, MailboxGate> {
  return new Map(records.map((record) => [record.destination.id, new MailboxGate()]))
}
