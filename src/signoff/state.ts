import type { EnvironmentFinding, ObjectClass, SearchedPlace } from '../core/certificate.ts'
import type { Totals } from '../core/states.ts'

/**
 * The steps of a purge, in order (invariant 10: keys go before files, the certificate last). Each may be done twice:
 * a process that is killed in any of them is followed by one that begins that step again.
 */
export const PURGE_STEPS = [
  'stop-writers',
  'revoke-grants',
  'search-secrets',
  'open-canaries',
  'destroy-keys',
  'try-canaries',
  'remove-state',
  'flush',
  'scan-canaries',
  'remove-documents',
  'write-record',
  'issue-certificate',
] as const

/** One of them. */
export type PurgeStep = (typeof PURGE_STEPS)[number]

/** Once this step has begun a purge goes on and is never taken back. */
export const POINT_OF_NO_RETURN: PurgeStep = 'destroy-keys'

/** An exception or finding that the client's signatory accepts. */
export interface Acceptance {
  /** `quarantined`, `skipped`, a reason's code, or the check of a finding. */
  readonly class: string
  /** An account, source or destination name; null: all of them. */
  readonly mailbox: string | null
  readonly reason: string
}

/** What was asked for. */
export interface SignoffRequest {
  /** The client's signatory. */
  readonly by: string
  readonly title: string | null
  readonly location: string | null
  /** Telephone or address of the operator. */
  readonly contact: string | null
  /** The organisation's number of this workstation. */
  readonly asset: string | null
  readonly accept: readonly Acceptance[]
  /** Why the purge goes without verification; null: it does not. */
  readonly abandon: string | null
  /** Why one person signs where two would be required; null: nothing is waived. */
  readonly alone: string | null
  readonly language: CertificateLanguage
}

/** Languages of the printable rendering. */
export type CertificateLanguage = 'en' | 'ar'

/** What the ledger said, before it went. */
export interface DeliveryFacts {
  readonly accounts: number
  readonly mailboxes: number
  readonly totals: Totals
  readonly neverVerified: number
  readonly openFindings: number
}

/** What was accepted, with how many messages or findings that covers. */
export interface AcceptedItem {
  readonly class: string
  readonly mailbox: string
  readonly count: number
  readonly reason: string
}

/** A credential as it may be named. */
export interface CredentialFacts {
  readonly name: string
  readonly kind: string
}

/** A backup that the client has. */
export interface HandedOver {
  readonly file: string
  readonly sha256: string
  readonly recipient: string
  readonly at: string
}

/** Volumes of backups that can only be counted. */
export interface UnlistedBackups {
  readonly written: number
  /** Of these the client confirmed so many. */
  readonly confirmed: number
  /** So many were deleted, since nobody was to have them. */
  readonly discarded: number
}

/** What the keystore said of the project's keys, before they went. */
export interface KeyFacts {
  /** False when no document of the project was left. */
  readonly known: boolean
  readonly slotExisted: boolean
  readonly slotPlace: 'keystore' | 'another folder'
  /** Where it lay: its file system decides about the method, also after the key document is gone. */
  readonly slotFolder: string
  /** Keys in the document: wrapped under the project key, and sealed to operators. */
  readonly wrappedKeys: number
  readonly commitments: readonly { readonly key: string; readonly sha256: string }[]
}

/** Everything that is found out before anything is destroyed. */
export interface ProjectFacts {
  /** Null when the ledger could not be opened; `unavailable` then says why. */
  readonly delivery: DeliveryFacts | null
  /** Why the keys, or what they open, could not be opened; null: they could. */
  readonly unavailable: string | null
  readonly accepted: readonly AcceptedItem[]
  readonly credentials: readonly CredentialFacts[]
  readonly keys: KeyFacts
  /** When they were made anew, but for the shred key; null: never. Journals of earlier versions do not say. */
  readonly keysRenewedAt?: string | null
  readonly handedOver: readonly HandedOver[]
  /** Where their records did not open: how many volumes the audit log knows. Null: all are listed, or there were none. */
  readonly unlistedBackups: UnlistedBackups | null
  /** Mail stores that are ends of the migration: neither searched nor touched. */
  readonly mailStores: readonly string[]
  /** How often secrets were taken in from a file in the clear. */
  readonly plaintextImports: number
  /** Where the list of accounts lies, absolute. */
  readonly accountList: string
  readonly dualControl: string
}

/** What is known of one project from outside of it. */
export interface ProjectIdentity {
  readonly id: string
  readonly client: string
  readonly createdAt: string
  /** The project folder, absolute. */
  readonly folder: string
}

/** The answer to a revocation. */
export interface Revocation extends CredentialFacts {
  readonly revoked: boolean
  readonly answer: string
}

/** What a search found. */
export interface SearchReport {
  readonly places: readonly SearchedPlace[]
  /** One line a file and value: never the value. */
  readonly hits: readonly { readonly path: string; readonly name: string; readonly form: string }[]
}

/** How the search for secrets went. */
export interface SecretSearch extends SearchReport {
  readonly done: boolean
  readonly text: string
  readonly secrets: number
  readonly notSearchable: readonly { readonly name: string; readonly reason: string }[]
}

/** The kinds of canaries. */
export type CanaryObject = 'credential' | 'spool' | 'ledger'

/** A canary as it was opened while the keys lived. */
export interface CanaryOpening {
  readonly object: CanaryObject
  /** `opened`, or why not. */
  readonly outcome: string
  /** The canary with every bit turned, in hex, so that this note is no copy of it; null when it was not opened. */
  readonly inverted: string | null
}

/** What came of trying the keys that are left on one canary. */
export interface CanaryAttempt {
  readonly object: CanaryObject
  readonly keysTried: number
  readonly opened: number
  /** `refused`, or what else happened. */
  readonly outcome: string
}

/** What came of trying everything that is left. */
export interface AfterAttempts {
  /** What opening the project by the usual way said. */
  readonly project: { readonly opened: boolean; readonly outcome: string }
  readonly canaries: readonly CanaryAttempt[]
}

/** What was done to the keys. */
export interface KeyErasure {
  readonly slot: 'destroyed' | 'absent'
  readonly slotBytes: number
  /** What was read back after overwriting differs from what stood there; null when nothing stood there. */
  readonly readBackDiffers: boolean | null
  /** Files with wrapped keys that were overwritten and removed by this attempt. */
  readonly documents: number
}

/** Files of one class, counted before they are removed. */
export interface FileCount {
  readonly class: ObjectClass
  readonly files: number
  readonly bytes: number
}

/** A document that is removed. */
export interface RemovedDocument {
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

/** What was done about the medium. */
export interface FlushReport {
  readonly synced: number
  readonly trim: { readonly state: TrimState; readonly text: string }
}

/** What came of asking the file system to discard free blocks. */
export type TrimState = 'done' | 'by itself' | 'not permitted' | 'not supported' | 'not available' | 'failed'

/** What the workstation is, as far as it shows. */
export interface Workstation {
  readonly manufacturer: string
  readonly model: string
  readonly serial: string
  readonly mediaType: string
  readonly fileSystem: string
  readonly diskEncryption: string
  readonly hostSha256: string
  readonly user: string
  readonly operatingSystem: string
  readonly findings: readonly EnvironmentFinding[]
}

/** What each step leaves in the journal. */
export interface StepEvidence {
  'stop-writers': { readonly text: string }
  'revoke-grants': { readonly answers: readonly Revocation[] }
  'search-secrets': SecretSearch
  'open-canaries': { readonly openings: readonly CanaryOpening[] }
  'destroy-keys': KeyErasure
  'try-canaries': AfterAttempts
  'remove-state': { readonly before: readonly FileCount[] }
  flush: FlushReport
  'scan-canaries': SearchReport & { readonly done: boolean; readonly text: string; readonly canaries: number }
  'remove-documents': {
    readonly before: readonly FileCount[]
    readonly documents: readonly RemovedDocument[]
    readonly leftOutside: readonly string[]
    readonly trim: FlushReport['trim']
  }
  'write-record': { readonly retained: readonly Retained[] }
  'issue-certificate': { readonly id: string; readonly sha256: string }
}

/** What stays after the purge, and until when. */
export interface Retained {
  readonly what: string
  readonly until: string
  readonly where: string
}

/** One step as the journal has it. */
export interface StepState<S extends PurgeStep = PurgeStep> {
  readonly starts: number
  readonly startedAt: string
  readonly finishedAt: string | null
  /** Counted before the first attempt changed anything; null where a step counts nothing. */
  readonly before: unknown
  readonly evidence: StepEvidence[S] | null
}

/** The journal of one purge; it lies in the workspace, since the project is what goes. */
export interface PurgeState {
  readonly version: 1
  readonly certificateId: string
  readonly project: ProjectIdentity
  readonly request: SignoffRequest
  readonly startedAt: string
  readonly startedBy: string
  /** The second person under dual control; he has to be there again when the purge is resumed. */
  readonly second: string | null
  readonly facts: ProjectFacts
  readonly steps: Readonly<Partial<Record<PurgeStep, StepState>>>
  readonly resumptions: readonly { readonly at: string; readonly step: PurgeStep; readonly by: string }[]
  readonly obstacles: readonly { readonly at: string; readonly step: PurgeStep; readonly text: string }[]
}

/** True once the purge can only go on. */
export function isCommitted(state: PurgeState): boolean {
  return state.steps[POINT_OF_NO_RETURN] !== undefined
}

/** The step that was begun and not finished, or is next; null when all are finished. */
export function nextStep(state: PurgeState): PurgeStep | null {
  return PURGE_STEPS.find((step) => state.steps[step]?.finishedAt == null) ?? null
}

/** What a finished step left. */
export function evidenceOf<S extends PurgeStep>(state: PurgeState, step: S): StepEvidence[S] | null {
  return (state.steps[step]?.evidence ?? null) as StepEvidence[S] | null
}
