import { createHash } from 'node:crypto'

/**
 * The vocabulary of the audit log (docs/design.md section 8) and the ports that it needs. An entry says who did what to
 * which object with what outcome, in ids and numbers; what names a person is sealed apart and can be erased.
 */

/** An id, a number in words, a fingerprint: nothing that could be an address, or a name of two words. */
export const AUDIT_ID = /^[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,127}$/

/** Everything that is ever logged. A word is never given another meaning; new ones are added. */
export type AuditAction =
  | 'init'
  | 'unlock'
  | 'unlock-failed'
  | 'lock'
  | 'operator-added'
  | 'operator-removed'
  | 'grant'
  | 'revoke'
  | 'access-decided'
  | 'second-factor-enrolled'
  | 'second-factor-removed'
  | 'second-factor-failed'
  | 'recovery-set'
  | 'recovery-used'
  | 'intake-page'
  | 'intake-opened'
  | 'credentials-set'
  | 'credentials-used'
  | 'credentials-removed'
  | 'credentials-expired'
  | 'token-revoked'
  | 'pairs-confirmed'
  | 'cutover-step'
  | 'run-started'
  | 'run-finished'
  | 'verify'
  | 'backup'
  | 'backup-verified'
  | 'handover'
  | 'restore'
  | 'document-issued'
  | 'signoff-started'
  | 'signoff-step'
  | 'signoff-finished'
  | 'certificate-issued'
  | 'hold-set'
  | 'hold-released'
  | 'incident-opened'
  | 'incident-updated'
  | 'incident-notified'
  | 'incident-closed'
  | 'vault-frozen'
  | 'vault-thawed'
  | 'record-added'
  | 'record-exported'
  | 'record-rectified'
  | 'record-erased'
  | 'record-restricted'
  | 'record-unrestricted'
  | 'records-backed-up'
  | 'sweep'
  | 'log-started'
  | 'log-repaired'

/** `refused`: policy or a person said no. `failed`: it was tried and did not work. */
export type AuditOutcome = 'done' | 'refused' | 'failed'

/** Who acts. A locked process knows at most the name that was given. */
export interface Actor {
  /** A name that the keystore has: never what somebody typed that is none. Null where nobody is known. */
  readonly name: string | null
  readonly role: 'engineer' | 'lead' | 'auditor' | null
  /** What was shown besides the passphrase; null where nothing was unlocked. */
  readonly factor: 'none' | 'key-file' | 'totp' | 'key-file+totp' | null
}

/** Ids and numbers of an entry. A text must be an id: no blank, no `@`, 128 characters at most. */
export type AuditFacts = Readonly<Record<string, string | number | boolean | null>>

/**
 * What is to be logged. Facts that others count on: `run-finished` has `accounts`, `messages` and `bytes` (landed in this
 * run); `credentials-…` names the credential as `object` and may have `accounts`; `backup` and `handover` have `messages`
 * and `bytes`.
 */
export interface AuditEvent {
  readonly by: Actor
  readonly action: AuditAction
  readonly outcome: AuditOutcome
  /** The project's id, where there is one: the entry is kept as long as that project's record. */
  readonly project: string | null
  /** The id of what it was done to: a credential, an operator, an incident, a document. */
  readonly object: string | null
  readonly facts: AuditFacts
  /** Names, addresses, reasons in free text: sealed, and erasable. */
  readonly personal: Readonly<Record<string, string>>
}

/** An entry as it stands in the log. */
export interface AuditEntry extends Omit<AuditEvent, 'action' | 'personal'> {
  readonly index: number
  /** RFC 3339, UTC, whole seconds. */
  readonly at: string
  /** An `AuditAction`, or a word of a later version. */
  readonly action: string
  /** Where the sealed fields are, and what binds them: null where there are none. */
  readonly personal: PersonalReference | null
  /** Whose content this entry's action removed. */
  readonly erased: ErasedIndexes | null
}

/** The link from an entry to its sealed fields. */
export interface PersonalReference {
  /** Random id of the row, 32 hex digits. */
  readonly row: string
  /** Base64 of SHA-256 over a random salt and the fields: says nothing once the salt is gone. */
  readonly commitment: string
  /** Base64 of SHA-256 over the sealed bytes, so that a change is found without any key. */
  readonly sealed: string
}

/** Indexes of entries; `leaves` lost their whole content, `personal` their sealed fields alone. */
export interface ErasedIndexes {
  readonly leaves: readonly number[]
  readonly personal: readonly number[]
}

/** One place in the log as a reader meets it. */
export interface LoggedEntry {
  readonly index: number
  /** RFC 6962 leaf hash, 32 bytes; empty where the line cannot be read at all. */
  readonly leafHash: Uint8Array
  /** Null where the content was erased, or is damaged. */
  readonly entry: AuditEntry | null
}

/** Size and RFC 6962 root of a tree. */
export interface TreeHead {
  readonly size: number
  /** 32 bytes. */
  readonly root: Uint8Array
}

/** A head together with whose it is, as a checkpoint says both. */
export interface KnownHead extends TreeHead {
  readonly origin: string
}

/**
 * The id under which an object whose name people choose stands in the log: the name itself where it is an id, else 16 hex
 * digits of SHA-256 over project and name, which tell two objects apart. Whoever knows the name can make it again; the
 * name itself belongs among the personal fields.
 */
export function auditObject(project: string, name: string): string {
  if (AUDIT_ID.test(name)) return name
  return `x-${createHash('sha256').update(`${project}\n${name}`).digest('hex').slice(0, 16)}`
}

/** Where an appended event ended up. */
export interface AuditReceipt {
  readonly index: number
  readonly leafHash: Uint8Array
}

/** What an erasure did. `kept` are entries that are never erased, since they account for earlier erasures. */
export interface ErasureReceipt {
  readonly index: number
  readonly leaves: readonly number[]
  readonly personal: readonly number[]
  readonly kept: readonly number[]
}

/** What `verify` found, and where: indexes `from` to `to`, both included. */
export interface AuditFinding {
  readonly kind:
    | 'edited'
    | 'deleted'
    | 'inserted'
    | 'reordered'
    | 'content-missing'
    | 'truncated'
    | 'rolled-back'
    | 'rewritten'
    | 'personal-missing'
    | 'personal-edited'
    | 'head-damaged'
    | 'checkpoint-unusable'
    | 'unfinished'
    | 'clock-set-back'
  /** `damage` is tampering or a broken disk; `note` is explained by a crash, and is mended by the next append. */
  readonly severity: 'damage' | 'note'
  readonly from: number
  readonly to: number
  readonly text: string
}

/** The outcome of a verification: intact means that no finding is `damage`. */
export interface AuditVerification {
  readonly intact: boolean
  readonly origin: string
  readonly size: number
  /** Null where the log is too damaged to compute it. */
  readonly root: Uint8Array | null
  /** In the order of the log. */
  readonly findings: readonly AuditFinding[]
  /** Heads that the log was compared with: those given and those that were signed and kept beside it. */
  readonly compared: number
}

/** What a log is verified against. */
export interface AuditEvidence {
  /** Heads known from outside: out of client documents, certificates, records. */
  readonly heads: readonly KnownHead[]
  /** Verifier keys (vkey) whose checkpoints beside the log are believed. */
  readonly keys: readonly string[]
  /** Opens the sealed fields as well, so that their commitments are checked; null where the records key is locked. */
  readonly opener: PersonalOpener | null
}

/**
 * The one log of a workspace. Every method may be called from several processes at once; each throws `busy` when
 * another process holds the log for long, and `corrupt` when what is on the disk is not what was written.
 */
export interface AuditLog {
  /** On the disk when it returns. Twice is two entries. */
  append(event: AuditEvent, signal: AbortSignal): Promise<AuditReceipt>
  /** As `append` for several, in their order, which wait for the disk no longer than one. A kill may leave the first few. */
  appendAll(events: readonly AuditEvent[], signal: AbortSignal): Promise<readonly AuditReceipt[]>
  /**
   * Appends `event` and removes what it names: whole contents, or sealed fields alone. The leaves' hashes stay, so the
   * tree is as before. Finished by the next call when it is interrupted. Twice appends twice and removes nothing more.
   */
  erase(event: AuditEvent, what: ErasedIndexes, signal: AbortSignal): Promise<ErasureReceipt>
  head(signal: AbortSignal): Promise<TreeHead>
  /** A C2SP checkpoint of the present head, signed; also kept beside the log. */
  checkpoint(signer: NoteSigner, signal: AbortSignal): Promise<string>
  /** Entries in order. What is being erased meanwhile may come with or without its content. */
  entries(signal: AbortSignal): AsyncIterable<LoggedEntry>
  /** The sealed fields that are still there, opened and checked against their commitments. */
  personal(
    opener: PersonalOpener,
    signal: AbortSignal,
  ): AsyncIterable<{ readonly entry: AuditEntry; readonly fields: Readonly<Record<string, string>> }>
  /** A C2SP tlog-proof that the entry is in the tree of `checkpoint`. Throws `config` for an index outside of it. */
  prove(index: number, checkpoint: string, signal: AbortSignal): Promise<string>
  /** RFC 6962 consistency proof from one size to a later one. */
  proveConsistency(first: number, second: number, signal: AbortSignal): Promise<readonly Uint8Array[]>
  /** Reads everything and changes nothing; damage is returned, not thrown. */
  verify(evidence: AuditEvidence, signal: AbortSignal): Promise<AuditVerification>
}

/** Signs notes under one Ed25519 key (RFC 8032). */
export interface NoteSigner {
  /** Key name of the note: no blank and no `+`. */
  readonly name: string
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** 64 bytes. */
  sign(bytes: Uint8Array): Promise<Uint8Array>
}

/** Seals personal fields to the records key's public half: a locked process can. `context` is bound in. */
export interface PersonalSealer {
  seal(context: string, bytes: Uint8Array): Promise<Uint8Array>
}

/** Opens what `PersonalSealer` made under the same context; throws `corrupt` for any change. */
export interface PersonalOpener {
  open(context: string, sealed: Uint8Array): Promise<Uint8Array>
}
