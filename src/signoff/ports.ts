import type { Clock } from '../core/clock.ts'
import type { DeletionCertificate } from '../core/certificate.ts'
import type {
  AfterAttempts,
  CanaryOpening,
  CredentialFacts,
  FileCount,
  FlushReport,
  KeyErasure,
  ProjectIdentity,
  PurgeState,
  PurgeStep,
  RemovedDocument,
  Retained,
  Revocation,
  SearchReport,
  Workstation,
} from './state.ts'
import type { Needle } from './needles.ts'

/** Keeps the journal of one purge in the workspace. */
export interface Journal {
  /** Null when no purge of this project is under way. */
  read(): Promise<PurgeState | null>
  /** On the disk when it returns, whole or not at all. */
  write(state: PurgeState): Promise<void>
  /** Twice is safe. */
  remove(): Promise<void>
}

/** A value that must be found nowhere. The bytes are lent: they are wiped when the vault is closed. */
export interface HeldSecret {
  /** Name of the credential or key. */
  readonly name: string
  readonly bytes: Buffer
}

/** What the project's keys open, while they live. */
export interface OpenedVault {
  readonly secrets: readonly HeldSecret[]
  /** Opens the canaries that were planted when the project was made. Never throws for one that does not open. */
  openCanaries(): Promise<readonly CanaryOpening[]>
  /** Wipes everything. Twice is safe. */
  close(): void
}

/** The keys of the project. */
export interface PurgeVault {
  /** Throws `locked` or `corrupt` when they cannot be opened any more. */
  open(): Promise<OpenedVault>
  /** Destroys the shred slot, then everything that holds a wrapped key. Twice is safe. */
  destroy(): Promise<KeyErasure>
  /** Tries every key that this operator can still open on every canary that still lies there. */
  tryCanaries(): Promise<AfterAttempts>
}

/** The files of the project. */
export interface PurgeFiles {
  /** What lies in the project's state folder. */
  countState(): Promise<readonly FileCount[]>
  /** Removes ledger, credentials, spool, logs and temporary files. Twice is safe. */
  removeState(): Promise<void>
  /** What lies in reports/ and the files of the project, with the SHA-256 of each report. */
  countDocuments(): Promise<{
    readonly before: readonly FileCount[]
    readonly documents: readonly RemovedDocument[]
    readonly leftOutside: readonly string[]
  }>
  /** Removes them, and what is left of the state folder. Twice is safe. */
  removeDocuments(): Promise<void>
  /** Brings the folders to the disk and asks the file system to discard what is free. */
  flush(): Promise<FlushReport>
  /** Searches project, workspace, temporary and log folders. */
  search(needles: readonly Needle[], signal: AbortSignal): Promise<SearchReport>
}

/** A legal hold, or an incident that keeps the vault shut. */
export interface ActiveHold {
  readonly code: 'hold' | 'frozen'
  /** `legal hold`. */
  readonly what: string
  /** How it ends. */
  readonly hint: string
  readonly by: string
  readonly since: string
}

/** What stays in the workspace after the purge. */
export interface ProjectRecords {
  /** What holds this project, or null. Asked again before anything is destroyed. */
  hold(project: ProjectIdentity): Promise<ActiveHold | null>
  /** Writes the record of the project, without content. Twice is safe. Returns what is kept and until when. */
  write(state: PurgeState): Promise<readonly Retained[]>
  /** Adds the certificate to the record. Twice is safe. */
  attach(state: PurgeState, certificate: IssuedCertificate): Promise<void>
}

/** The audit log, as far as a purge needs it. */
export interface PurgeAudit {
  note(
    action: 'signoff-started' | 'signoff-step' | 'signoff-finished' | 'certificate-issued' | 'token-revoked',
    outcome: 'done' | 'refused' | 'failed',
    object: string | null,
    facts: Readonly<Record<string, string | number | boolean | null>>,
  ): Promise<void>
  /** A C2SP checkpoint of the present head; null where there is no log. */
  checkpoint(): Promise<string | null>
}

/** A certificate that lies in its folder. */
export interface IssuedCertificate {
  readonly folder: string
  readonly id: string
  readonly bytes: Buffer
  readonly sha256: string
}

/** Who signs and with what; the keys stay where they are. */
export interface SigningFacts {
  readonly signing: DeletionCertificate['signing']
  readonly operator: SignerFacts
  readonly second: SignerFacts | null
}

/** A signing person, as the keystore knows him. */
export interface SignerFacts {
  readonly name: string
  readonly role: string
  readonly signatureFile: string
  readonly keyFingerprint: string
  readonly publicKey: string
}

/** Signs and writes the certificate. */
export interface CertificateIssuer {
  readonly facts: SigningFacts
  /** The certificate of this project that was issued before, or null. */
  issued(): Promise<IssuedCertificate | null>
  /** Signs these exact bytes and puts the whole folder in place in one step. */
  issue(certificate: DeletionCertificate, state: PurgeState): Promise<IssuedCertificate>
}

/** Everything that a purge reaches. */
export interface PurgePorts {
  readonly clock: Clock
  readonly journal: Journal
  readonly vault: PurgeVault
  readonly files: PurgeFiles
  readonly records: ProjectRecords
  readonly audit: PurgeAudit
  readonly issuer: CertificateIssuer
  /** Makes sure that nothing else writes to the project. */
  stopWriters(): Promise<{ readonly text: string }>
  /** Revokes a grant at its provider, where that has an endpoint. */
  revoke(credential: CredentialFacts): Promise<Revocation>
  /** What this workstation is. Never throws: what cannot be found out is stated. */
  inspectWorkstation(): Promise<Workstation>
  /** Where the clock stands against UTC. */
  readonly zone: { readonly name: string; readonly offset: string }
  readonly tool: DeletionCertificate['tool']
  /** Tells how far it is. */
  progress(step: PurgeStep): void
}
