import type { Actor, PersonalOpener } from '../core/audit.ts'
import { formatInstant } from '../core/clock.ts'
import { SealpostError } from '../core/errors.ts'
import { formatDay } from './calendar.ts'
import type { HoldBook } from './holds.ts'
import type { RecordBook } from './project-records.ts'
import { DELETION_METHOD, type Contact, type HeldProject, type StoredContact } from './record-types.ts'
import type { RetentionClass } from './retention.ts'
import { eventOf, nameOf, type Store } from './store.ts'
import type { SubjectFinder, SubjectHit } from './subject-find.ts'
import { ERASED, type SubjectQuery } from './subject-match.ts'
import { cleanOptional, cleanText } from './text.ts'

/** Something that was asked for and not done. */
export interface KeptHit extends SubjectHit {
  /** Why, with the date where there is one, in words for the person. */
  readonly because: string
}

/** What came of a request. */
export interface SubjectReport {
  readonly at: number
  readonly done: readonly SubjectHit[]
  readonly kept: readonly KeptHit[]
  /** How it was erased; null where nothing was. */
  readonly method: string | null
}

/** What a person is called from now on; null leaves a part as it is, an empty text removes it. */
export interface Correction {
  readonly name: string | null
  readonly address: string | null
  readonly phone: string | null
  readonly title: string | null
}

/** A person's rights over what is held (promise P11). Each is noted in the audit log, without the person's name. */
export interface SubjectRights {
  /** Access: everything held, wherever it is. */
  findSubject: SubjectFinder
  /** Portability: as `findSubject`, to be handed out as a structured document. */
  exportSubject(
    by: Actor,
    query: SubjectQuery,
    opener: PersonalOpener,
    signal: AbortSignal,
  ): Promise<readonly SubjectHit[]>
  /** Corrects contacts that are this very person. What they said before stays under a hold. Signed documents stay. */
  rectifySubject(
    by: Actor,
    query: SubjectQuery,
    correction: Correction,
    opener: PersonalOpener,
    signal: AbortSignal,
  ): Promise<SubjectReport>
  /**
   * Erases contacts that are this very person and sealed fields of the log that name them. Gives way to a hold, to a
   * restriction and to a legal period, and says so with the date. A crash in between is ended by doing it again.
   */
  eraseSubject(by: Actor, query: SubjectQuery, opener: PersonalOpener, signal: AbortSignal): Promise<SubjectReport>
  /** Restricts every record that holds something about the person: shown and exported, nothing else. */
  restrictSubject(
    by: Actor,
    query: SubjectQuery,
    reason: string,
    opener: PersonalOpener,
    signal: AbortSignal,
  ): Promise<SubjectReport>
  /** Lifts the restriction of one record. Throws `policy` where there is none. */
  liftRestriction(by: Actor, project: string, reason: string, signal: AbortSignal): Promise<void>
}

const NOT_THE_ONE = 'not surely this person: give name and address as they stand there'

/** The methods for persons' rights. */
export function subjectMethods(
  store: Store,
  records: RecordBook,
  holds: HoldBook,
  findSubject: SubjectFinder,
): SubjectRights {
  const updateContact = store.prepare(
    'UPDATE contact SET name = ?, address = ?, phone = ?, title = ?, former = ? WHERE id = ?',
  )
  const eraseContact = store.prepare(
    `UPDATE contact SET name = ?, address = NULL, phone = NULL, title = NULL, former = '[]', erased = 1 WHERE id = ?`,
  )
  const restrict = store.prepare(
    `UPDATE record SET restricted_at = ?, restricted_by = ?, restricted_for = ?
     WHERE project = ? AND restricted_at IS NULL`,
  )
  const lift = store.prepare(
    'UPDATE record SET restricted_at = NULL, restricted_by = NULL, restricted_for = NULL WHERE project = ?',
  )

  const contactOf = (hit: SubjectHit): StoredContact => {
    const contact = records.show(hit.project ?? '').contacts.find(({ id }) => `${id}` === hit.id)
    if (contact === undefined) throw new SealpostError('bug', 'records: a contact was found and is gone')
    return contact
  }

  const heldBy = (project: string | null): HeldProject | undefined =>
    project === null ? undefined : holds.heldProjects().find((one) => one.project === project)

  /** Why a hit cannot be erased now; null where it can. First what weighs most. */
  const obstacle = (hit: SubjectHit): string | null => {
    const hold = heldBy(hit.project)
    if (hold !== undefined) return `under legal hold since ${formatInstant(hold.since)}, kept until it is released`
    if (hit.restricted) return 'restricted: kept until the restriction is lifted'
    const { legalBasis } = store.policy[classOf(hit)]
    if (hit.where === 'actor') return 'who acted is part of the entries: kept as long as they are'
    const until = hit.keptUntil ?? 'the end of its period'
    if (hit.where !== 'contact' && hit.where !== 'log' && until < formatDay(store.clock.now())) {
      return `its period ended with ${until}: the next sweep removes it`
    }
    if (legalBasis !== null) {
      const signed = hit.where === 'certificate' ? ', and names in a signed document cannot be taken out' : ''
      return `kept until ${until}: ${legalBasis}${signed}`
    }
    if (hit.where === 'contact') return hit.match === 'exact' ? null : NOT_THE_ONE
    if (hit.where === 'log') return null
    return `kept until ${until}: part of a record that is kept whole`
  }

  const finish = (
    all: readonly SubjectHit[],
    done: readonly SubjectHit[],
    because: (hit: SubjectHit) => string,
    method: string | null,
  ): SubjectReport => ({
    at: store.clock.now(),
    done,
    kept: all.filter((hit) => !done.includes(hit)).map((hit) => ({ ...hit, because: because(hit) })),
    method,
  })

  return {
    findSubject,

    exportSubject: async (by, query, opener, signal) => {
      const hits = await findSubject(query, opener, signal)
      await store.log.append(
        eventOf(by, 'record-exported', { facts: { subject: true, hits: hits.length } }),
        signal,
      )
      return hits
    },

    rectifySubject: async (by, query, correction, opener, signal) => {
      const hits = await findSubject(query, opener, signal)
      const done = hits.filter(({ where, match }) => where === 'contact' && match === 'exact')
      await store.log.append(eventOf(by, 'record-rectified', { facts: { contacts: done.length } }), signal)
      store.write('rectifySubject', () => {
        for (const hit of done) {
          const old = contactOf(hit)
          const next = correct(old, correction)
          const isHeld = heldBy(hit.project) !== undefined
          const former = isHeld ? [...old.former, plain(old)] : old.former
          updateContact.run(next.name, next.address, next.phone, next.title, JSON.stringify(former), old.id)
          store.oweCompaction()
        }
      })
      store.compact()
      const because = ({ where, keptUntil }: SubjectHit): string => {
        if (where === 'contact') return NOT_THE_ONE
        const until = keptUntil === null ? '' : `, until ${keptUntil}`
        return where === 'certificate'
          ? `a signed document is not changed: kept as it is${until}`
          : `written down as it was said then: kept as it is${until}`
      }
      return finish(hits, done, because, null)
    },

    eraseSubject: async (by, query, opener, signal) => {
      const hits = await findSubject(query, opener, signal)
      const done = hits.filter((hit) => obstacle(hit) === null)
      const contacts = done.filter(({ where }) => where === 'contact')
      const personal = [...new Set(done.filter(({ where }) => where === 'log').map(({ id }) => Number(id)))]
      const facts = { contacts: contacts.length, entries: personal.length, kept: hits.length - done.length }
      const outcome = done.length > 0 || hits.length === 0 ? 'done' : 'refused'
      const event = { ...eventOf(by, 'record-erased', { facts }), outcome } as const
      await store.log.erase(event, { leaves: [], personal }, signal)
      store.write('eraseSubject', () => {
        for (const hit of contacts) eraseContact.run(ERASED, Number(hit.id))
        if (contacts.length > 0) store.oweCompaction()
      })
      store.compact()
      return finish(hits, done, (hit) => obstacle(hit) ?? '', done.length > 0 ? DELETION_METHOD : null)
    },

    restrictSubject: async (by, query, reason, opener, signal) => {
      const name = nameOf(by)
      const text = cleanText(reason, 'the reason for the restriction')
      const hits = await findSubject(query, opener, signal)
      const isOfRecord = ({ where }: SubjectHit): boolean => ['contact', 'client', 'certificate'].includes(where)
      const done = hits.filter((hit) => isOfRecord(hit) && hit.match === 'exact')
      for (const project of new Set(done.map((hit) => hit.project ?? ''))) {
        const over = { project, personal: { reason: text } }
        await store.log.append(eventOf(by, 'record-restricted', over), signal)
        store.write('restrictSubject', () => restrict.run(store.clock.now(), name, text, project))
      }
      const because = (hit: SubjectHit): string =>
        isOfRecord(hit) ? NOT_THE_ONE : 'nothing but showing and exporting is done with it anyway'
      return finish(hits, done, because, null)
    },

    liftRestriction: async (by, project, reason, signal) => {
      nameOf(by)
      const text = cleanText(reason, 'the reason for lifting the restriction')
      if (records.show(project).restriction === null) {
        throw new SealpostError('policy', 'the record is not restricted')
      }
      await store.log.append(eventOf(by, 'record-unrestricted', { project, personal: { reason: text } }), signal)
      store.write('liftRestriction', () => lift.run(project))
    },
  }
}

function classOf({ where }: SubjectHit): RetentionClass {
  return where === 'contact' || where === 'log' || where === 'incident' ? where : 'record'
}

function correct(old: Contact, correction: Correction): Contact {
  const pick = (next: string | null, before: string | null, what: string): string | null =>
    next === null ? before : cleanOptional(next, what)
  return {
    name: correction.name === null ? old.name : cleanText(correction.name, 'the name'),
    address: pick(correction.address, old.address, 'the address'),
    phone: pick(correction.phone, old.phone, 'the phone number'),
    title: pick(correction.title, old.title, 'the title'),
  }
}

function plain({ name, address, phone, title }: Contact): Contact {
  return { name, address, phone, title }
}
