import type { PeriodEnd } from './calendar.ts'

/** As what we answer for the data that was touched. Most mail we hold as the client's processor. */
export type IncidentRole = 'controller' | 'processor' | 'both'

/** To whom a notification goes: supervisory authority, client, persons concerned (GDPR Articles 33(1), 33(2), 34). */
export type Recipient = 'authority' | 'client' | 'subjects'

/** What a notice says, by field; Article 33(3) needs all but the last two. */
export type NoticeField =
  | 'subjectCategories'
  | 'subjectCount'
  | 'recordCategories'
  | 'recordCount'
  | 'contact'
  | 'consequences'
  | 'measures'
  | 'delayReason'
  | 'update'

/** One thing that became known, and when. Nothing is overwritten: that is the documentation of Article 33(5). */
export interface IncidentFact {
  readonly name: NoticeField
  readonly value: string
  readonly at: number
  readonly by: string
}

/** A notification that was sent. */
export interface SentNotice {
  readonly to: Recipient
  readonly at: number
  /** The recipient's file number, or how it was sent. */
  readonly reference: string | null
  readonly notedAt: number
  readonly notedBy: string
}

/** A personal data breach, or what may turn out to be one. */
export interface Incident {
  /** `INC-2026-0001`. */
  readonly number: string
  readonly role: IncidentRole
  /** The moment of awareness, from which the deadlines run. It is never moved. */
  readonly awareAt: number
  readonly openedAt: number
  readonly openedBy: string
  /** What happened. */
  readonly what: string
  readonly projects: readonly string[]
  /** The vault is to stay shut while this is open. */
  readonly frozen: boolean
  readonly history: readonly IncidentFact[]
  readonly notices: readonly SentNotice[]
  readonly closed: {
    readonly at: number
    readonly by: string
    readonly conclusion: string
    /** Why nobody had to be notified (Article 33(1): no risk is likely); null where somebody was. */
    readonly withoutNotice: string | null
    readonly kept: PeriodEnd
  } | null
}

/** One deadline of an incident. */
export interface Deadline {
  readonly to: 'authority' | 'client'
  /** `law`: Article 33(1). `target`: our own, so that the client's 72 hours are not spent by us (Article 33(2)). */
  readonly kind: 'law' | 'target'
  readonly due: number
  /** The first notification; null where none was noted. */
  readonly sentAt: number | null
  readonly state: 'met' | 'late' | 'running' | 'missed'
  /** Until it is due, or, below zero, since it was; 0 where it is met or late. */
  readonly remainingMs: number
}
