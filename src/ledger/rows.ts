import type { Digests } from '../core/digest.ts'
import { SealpostError } from '../core/errors.ts'
import type { DestinationRecord, MailboxRecord, MessageRecord, Reason } from '../core/ledger.ts'
import { normalizeFlags, type SpecialUse } from '../core/mail.ts'
import type { Position } from '../core/connector.ts'
import type { Fidelity, MessageState } from '../core/states.ts'
import type { Store } from './store.ts'

/** A row of `message`, with two facts of its mailbox and destination. */
export interface MessageRow {
  readonly id: number
  readonly mailbox_id: number
  readonly destination_id: number
  readonly epoch: number
  readonly key: string
  readonly bytes: number
  readonly internal_date: number
  readonly identity: string | null
  readonly flags: string
  readonly state: MessageState
  readonly attempts: number
  readonly doubted: number
  readonly gone: number
  readonly waiting: number
  readonly verified_at: number | null
  readonly destination_validity: string | null
  readonly destination_key: string | null
  readonly applied_flags: string
  readonly position_validity: string | null
  readonly position_next: string | null
  readonly digest: Uint8Array | null
  readonly match_digest: Uint8Array | null
  readonly match_bytes: number | null
  readonly nul: number | null
  readonly fingerprint: Uint8Array | null
  readonly fidelity: Fidelity | null
  readonly merged_key: string | null
  readonly message_id: string | null
  readonly reason_code: string | null
  readonly reason_text: string | null
  readonly reason_server_text: string | null
}

/** A row with what its mailbox and destination say at present. */
export interface PlacedRow extends MessageRow {
  readonly present_epoch: number
  readonly present_validity: string | null
}

/** A row of `mailbox` joined with its destination. */
export interface MailboxRow {
  readonly id: number
  readonly pair_id: number
  readonly source_path: string
  readonly special_use: string | null
  readonly cursor: string | null
  readonly epoch: number
  readonly listing: number
  readonly destination_id: number
  readonly destination_path: string
  readonly validity: string | null
  readonly surveyed: number
}

/** What the ledger tells of a row. */
export function toMessage(row: MessageRow): MessageRecord {
  return {
    id: row.id,
    mailboxId: row.mailbox_id,
    key: row.key,
    epoch: row.epoch,
    bytes: row.bytes,
    internalDate: row.internal_date,
    identity: row.identity,
    flags: decodeFlags(row.flags),
    state: row.state,
    digests: toDigests(row),
    messageId: row.message_id,
    destinationKey: row.destination_key,
    destinationValidity: row.destination_validity,
    mergedKey: row.merged_key,
    appliedFlags: decodeFlags(row.applied_flags),
    position: toPosition(row),
    attempts: row.attempts,
    reason: toReason(row),
    doubted: row.doubted === 1,
    gone: row.gone === 1,
    verifiedAt: row.verified_at,
    fidelity: row.fidelity,
  }
}

/** What the ledger tells of a mailbox. */
export function toMailbox(row: MailboxRow): MailboxRecord {
  const destination: DestinationRecord = {
    id: row.destination_id,
    path: decodePath(row.destination_path),
    validity: row.validity,
    surveyed: row.surveyed === 1,
  }
  return {
    id: row.id,
    pairId: row.pair_id,
    sourcePath: decodePath(row.source_path),
    // Written by openMailbox from the same type; the file is authenticated.
    specialUse: row.special_use as SpecialUse | null,
    cursor: row.cursor,
    epoch: row.epoch,
    destination,
  }
}

/** Reads the row with this id, or throws `bug`. */
export function rowReader(store: Store): (what: string, id: number) => PlacedRow {
  const select = store.prepare<PlacedRow>(
    `SELECT message.*, mailbox.epoch AS present_epoch, destination.validity AS present_validity
     FROM message JOIN mailbox ON mailbox.id = message.mailbox_id
       JOIN destination ON destination.id = message.destination_id
     WHERE message.id = ?`,
  )
  return (what, id) => {
    const row = select.get(id)
    if (row === undefined) throw new SealpostError('bug', `ledger: ${what}: there is no row ${id}`)
    return row
  }
}

/** The error for a transition that the design does not know. Names the row and its state only. */
export function wrongState(what: string, row: MessageRow): SealpostError {
  return new SealpostError('bug', `ledger: ${what}: row ${row.id} is ${row.state}`)
}

/** One text for one set of flags, so that equal sets compare equal in SQL. */
export function encodeFlags(flags: Iterable<string>): string {
  return normalizeFlags(flags)
    .map((flag) => flag.replace(/[% ]/g, encodeURIComponent))
    .join(' ')
}

/** The flags that `encodeFlags` was given, in their one form. */
export function decodeFlags(text: string): readonly string[] {
  if (text === '') return []
  return text.split(' ').map((flag) => flag.replaceAll('%20', ' ').replaceAll('%25', '%'))
}

/** One text for one path, whatever characters its levels hold. */
export function encodePath(path: readonly string[]): string {
  return JSON.stringify(path)
}

/** The path that `encodePath` was given. */
export function decodePath(text: string): readonly string[] {
  return JSON.parse(text) as readonly string[]
}

function toDigests(row: MessageRow): Digests | null {
  if (row.digest === null || row.match_digest === null) return null
  return {
    digest: row.digest,
    matchDigest: row.match_digest,
    bytes: row.bytes,
    matchBytes: row.match_bytes ?? row.bytes,
    nul: row.nul === 1,
    fingerprint: row.fingerprint,
  }
}

function toPosition(row: MessageRow): Position | null {
  if (row.position_validity === null || row.position_next === null) return null
  return { validity: row.position_validity, next: row.position_next }
}

function toReason(row: MessageRow): Reason | null {
  if (row.reason_code === null) return null
  return { code: row.reason_code, text: row.reason_text ?? '', serverText: row.reason_server_text }
}

/** True when both are there and hold the same bytes. */
export function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a !== null && b !== null && Buffer.compare(a, b) === 0
}
