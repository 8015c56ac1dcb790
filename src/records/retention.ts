import { SealpostError } from '../core/errors.ts'
import { endOfPeriod, type Period, type PeriodEnd } from './calendar.ts'

/** Kinds of data, each with a period of its own. */
export type RetentionClass = 'record' | 'contact' | 'incident' | 'log' | 'credentials' | 'mail'

/** How long one kind is kept, and what stands against an earlier erasure. */
export interface RetentionRule {
  /** A period, from sign-off (`incident`: from its closing); as long as the project's record; or not beyond sign-off. */
  readonly keep: Period | 'with-record' | 'at-signoff'
  /** Why a person's request for erasure gives way until the period is over; null where it does not. */
  readonly legalBasis: string | null
}

/** The one table of periods. */
export type RetentionPolicy = Readonly<Record<RetentionClass, RetentionRule>>

const FIVE_YEARS: Period = { years: 5, months: 0, days: 0 }

/** What the client was promised (P9), and what the workspace's configuration may change. */
export const DEFAULT_RETENTION: RetentionPolicy = {
  record: { keep: FIVE_YEARS, legalBasis: 'evidence of the deletion (GDPR Article 17(3)(e))' },
  contact: { keep: 'with-record', legalBasis: null },
  incident: { keep: FIVE_YEARS, legalBasis: 'documentation of breaches (GDPR Article 33(5))' },
  log: { keep: 'with-record', legalBasis: null },
  credentials: { keep: 'at-signoff', legalBasis: null },
  mail: { keep: 'at-signoff', legalBasis: null },
}

/**
 * The defaults with what is overridden. Throws `config` for what would break a promise or cannot be carried out:
 * credentials and mail go at sign-off, the log's entries go with the record, records and incidents have a period.
 */
export function makePolicy(overrides: Partial<RetentionPolicy>): RetentionPolicy {
  const policy = { ...DEFAULT_RETENTION, ...overrides }
  const refuse = (name: RetentionClass, why: string): never => {
    throw new SealpostError('config', `retention of ${name}: ${why}`)
  }
  for (const name of ['credentials', 'mail'] as const) {
    if (policy[name].keep !== 'at-signoff') refuse(name, 'it goes at sign-off, the client was promised that')
  }
  if (policy.log.keep !== 'with-record') refuse('log', 'it is kept as long as the record of its project')
  for (const name of ['record', 'incident'] as const) {
    if (typeof policy[name].keep === 'string') refuse(name, 'a period is needed')
  }
  if (policy.contact.keep === 'at-signoff') refuse('contact', 'a period is needed, or "with-record"')
  for (const [name, { keep }] of Object.entries(policy)) {
    if (typeof keep !== 'string' && !isPeriod(keep)) refuse(name as RetentionClass, 'the period is not one')
  }
  return policy
}

/** The end of a class's period that runs from `from`; contacts may follow the record's. */
export function endOfRetention(
  policy: RetentionPolicy,
  name: 'record' | 'contact' | 'incident',
  from: number,
): PeriodEnd {
  const { keep } = policy[name]
  if (typeof keep !== 'string') return endOfPeriod(from, keep)
  if (name === 'record') throw new SealpostError('bug', 'the record has no period')
  return endOfRetention(policy, 'record', from)
}

function isPeriod({ years, months, days }: Period): boolean {
  const parts = [years, months, days]
  return (
    parts.every((part) => Number.isSafeInteger(part) && part >= 0 && part <= 36_500) &&
    parts.some((part) => part > 0)
  )
}
