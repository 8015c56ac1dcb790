import type { FindingClass } from '../core/ledger.ts'
import type { FidelityCounts } from '../core/states.ts'
import type { DataTable } from './data-table.ts'

/**
 * What the client is told when mail has been moved, as `report.json` holds it (docs/schemas/completion-report.schema.json).
 * Accounts and names of folders stand in it; subjects, correspondents, Message-IDs and content do not.
 */
export interface CompletionReport {
  readonly format: 'sealpost-completion-report'
  readonly version: 1
  readonly client: string
  readonly project: string
  /** RFC 3339, UTC, as every time here. */
  readonly written: string
  readonly tool: string
  /** Every message of every account has ended, and the sums balance. */
  readonly complete: boolean
  readonly counts: ReportCounts
  readonly bytes: ReportBytes
  readonly fidelity: FidelityCounts
  readonly verification: ReportVerification
  readonly merkle: ReportMerkle
  readonly accounts: readonly ReportAccount[]
  readonly exceptions: readonly ReportException[]
  readonly findings: readonly ReportFinding[]
  readonly passes: readonly ReportPass[]
  readonly limits: readonly ReportLimit[]
  /** Signed checkpoint of the audit log; null where the key was gone. */
  readonly checkpoint: string | null
}

/** source = pending + landed + existing + skipped + quarantined + expunged; merged are among the landed. */
export interface ReportCounts {
  readonly source: number
  readonly pending: number
  readonly landed: number
  readonly merged: number
  readonly existing: number
  readonly skipped: number
  readonly quarantined: number
  readonly expunged: number
}

/** Bytes at the source, and of them what was moved. */
export interface ReportBytes {
  readonly source: number
  readonly landed: number
}

/** Which delivered messages were read again after they landed, and how the last look went. */
export interface ReportVerification {
  readonly verified: number
  readonly unverified: number
  readonly last: { readonly at: string; readonly level: string; readonly open: number } | null
}

/**
 * The root of an RFC 6962 tree. For an account its leaves are the SHA-256 digests of its delivered messages, as bytes, in
 * ascending order; for the project they are the roots of the accounts, in the order of the report.
 */
export interface ReportMerkle {
  readonly leaves: number
  /** Hexadecimal. */
  readonly root: string
}

/** One account. */
export interface ReportAccount {
  readonly source: string
  readonly destination: string
  readonly state: 'not begun' | 'under way' | 'moved'
  readonly counts: ReportCounts
  readonly bytes: ReportBytes
  readonly fidelity: FidelityCounts
  readonly verified: number
  readonly merkle: ReportMerkle
  readonly mailboxes: readonly ReportMailbox[]
}

/** One mailbox of an account. */
export interface ReportMailbox {
  readonly source: string
  readonly destination: string
  readonly specialUse: string | null
  readonly counts: ReportCounts
  readonly bytes: ReportBytes
}

/** A message that did not go. */
export interface ReportException {
  readonly account: string
  readonly mailbox: string
  /** What the source calls it. */
  readonly uid: string
  readonly state: 'skipped' | 'quarantined'
  readonly code: string
  readonly bytes: number
  readonly date: string
}

/** What verification found, as often as it found it. */
export interface ReportFinding {
  readonly account: string
  readonly mailbox: string
  readonly class: FindingClass
  readonly check: string
  readonly rule: string | null
  readonly count: number
}

/** One piece of work, out of the audit log. */
export interface ReportPass {
  readonly kind: 'run' | 'verify' | 'backup' | 'restore'
  readonly began: string | null
  readonly ended: string
  readonly outcome: string
  readonly accounts: number | null
  readonly messages: number | null
  readonly bytes: number | null
  readonly level: string | null
}

/** How often a server, or a trouble with it, made an account wait. */
export interface ReportLimit {
  readonly account: string
  readonly reason: string
  readonly waits: number
  /** When the last of these waits ended. */
  readonly last: string
}

const COUNTS = ['source', 'pending', 'landed', 'merged', 'existing', 'skipped', 'quarantined', 'expunged'] as const

/** One row a mailbox, for spreadsheets. */
export function mailboxTable({ accounts }: CompletionReport): DataTable {
  return {
    name: 'mailboxes',
    columns: ['account', 'destination account', 'mailbox', 'becomes', ...COUNTS, 'bytes', 'bytes landed'],
    rows: accounts.flatMap((account) =>
      account.mailboxes.map(({ source, destination, counts, bytes }) => [
        account.source,
        account.destination,
        source,
        destination,
        ...COUNTS.map((name) => counts[name]),
        bytes.source,
        bytes.landed,
      ]),
    ),
  }
}

/** One row a message that did not go. */
export function exceptionTable({ exceptions }: CompletionReport): DataTable {
  return {
    name: 'exceptions',
    columns: ['account', 'mailbox', 'message', 'state', 'reason', 'bytes', 'date'],
    rows: exceptions.map((one) => [one.account, one.mailbox, one.uid, one.state, one.code, one.bytes, one.date]),
  }
}
