import type { PeriodEnd } from './calendar.ts'

/** A person at the client's whom the record names. */
export interface Contact {
  readonly name: string
  readonly address: string | null
  readonly phone: string | null
  /** What the person is there: title, signatory. */
  readonly title: string | null
}

/** What is kept of a project that has ended: no content, no address of a correspondent (promise P9). */
export interface NewRecord {
  /** The project's id. */
  readonly project: string
  readonly client: string
  readonly contacts: readonly Contact[]
  readonly startedAt: number
  /** The retention period runs from this day (UTC). */
  readonly signedOffAt: number
  /** Purged without verification: delivery is not certified. */
  readonly abandoned: boolean
  /** Sums by name: `accounts`, `mailboxes`, `messages`, `bytes`, `exceptions`. */
  readonly counts: Readonly<Record<string, number>>
}

/** The documents of a sign-off. */
export interface IssuedDocuments {
  /** The exact bytes that were signed. */
  readonly certificate: Uint8Array
  /** Of the key that signed them. */
  readonly fingerprint: string
  /** The signed checkpoint of the audit log that the certificate names; null where there is none. */
  readonly checkpoint: string | null
}

/** Why a record may only be looked at and handed out (GDPR Article 18). */
export interface Restriction {
  readonly since: number
  readonly by: string
  readonly reason: string
}

/** A contact as it is kept. */
export interface StoredContact extends Contact {
  readonly id: number
  /** What it said before a rectification under a hold, which preserves it; newest last. */
  readonly former: readonly Contact[]
  /** Name, address and the rest were erased on request. */
  readonly erased: boolean
  readonly kept: PeriodEnd
}

/** A record as it is kept. */
export interface ProjectRecord extends Omit<NewRecord, 'contacts'> {
  readonly contacts: readonly StoredContact[]
  readonly documents: IssuedDocuments | null
  /** When it may go, by the policy at the time of sign-off. */
  readonly kept: PeriodEnd
  readonly restriction: Restriction | null
  /** Holds that are not released. */
  readonly holds: readonly number[]
}

/** A legal hold (promise P13). */
export interface Hold {
  readonly id: number
  readonly project: string
  readonly setBy: string
  readonly setAt: number
  readonly reason: string
  /** Null while it stands. */
  readonly released: { readonly by: string; readonly at: number; readonly reason: string } | null
}

/** A project under legal hold. */
export interface HeldProject {
  readonly project: string
  /** The earliest hold that stands: who set it and when. */
  readonly by: string
  readonly since: number
  readonly holds: readonly number[]
}

/** How rows are removed, in the words of reports and certificates. */
export const DELETION_METHOD =
  'logical deletion: rows deleted, database compacted, its write-ahead log emptied; no sanitization of the medium'
