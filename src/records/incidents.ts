import type { Actor } from '../core/audit.ts'
import { formatInstant } from '../core/clock.ts'
import { SealpostError } from '../core/errors.ts'
import type {
  Deadline,
  Incident,
  IncidentFact,
  IncidentRole,
  NoticeField,
  Recipient,
  SentNotice,
} from './incident-types.ts'
import { endOfRetention } from './retention.ts'
import { eventOf, nameOf, type Store } from './store.ts'
import { cleanOptional, cleanText } from './text.ts'

/** What is known when an incident is opened. */
export interface NewIncident {
  readonly role: IncidentRole
  /** When somebody of ours became aware, as `parseInstant` reads it. Not after now. */
  readonly awareAt: number
  readonly what: string
  readonly projects: readonly string[]
  /** Asks that the vault stays shut while it is open. */
  readonly freeze: boolean
}

/** What became known later. */
export interface IncidentUpdate {
  /** What is new, in words. */
  readonly text: string | null
  readonly fields: Readonly<Partial<Record<Exclude<NoticeField, 'update'>, string>>>
  /** Projects to be added. */
  readonly projects: readonly string[]
  /** Null leaves it as it is. */
  readonly freeze: boolean | null
}

/** The incident log (promise P12). Every change is noted in the audit log before it is made. */
export interface IncidentBook {
  /** Returns the number. Twice opens two. */
  openIncident(by: Actor, incident: NewIncident, signal: AbortSignal): Promise<Incident>
  updateIncident(by: Actor, number: string, update: IncidentUpdate, signal: AbortSignal): Promise<Incident>
  /** Notes that a notification was sent, at a moment not before awareness and not after now. */
  noteNotice(
    by: Actor,
    number: string,
    notice: { readonly to: Recipient; readonly at: number; readonly reference: string | null },
    signal: AbortSignal,
  ): Promise<Incident>
  /** Throws `policy` when whoever had to be notified was not, unless it is said why. The retention runs from now. */
  closeIncident(
    by: Actor,
    number: string,
    end: { readonly conclusion: string; readonly withoutNotice: string | null },
    signal: AbortSignal,
  ): Promise<Incident>
  /** In the order in which they were opened. */
  incidents(): readonly Incident[]
  /** Throws `not-found`. */
  incident(number: string): Incident
  /** Where its deadlines stand now. */
  deadlines(number: string): readonly Deadline[]
  /** Numbers of the open incidents for which the vault is to stay shut. */
  freezing(): readonly string[]
}

interface IncidentRow {
  readonly id: number
  readonly number: string
  readonly role: IncidentRole
  readonly aware_at: number
  readonly opened_at: number
  readonly opened_by: string
  readonly what: string
  readonly projects: string
  readonly frozen: number
  readonly closed_at: number | null
  readonly closed_by: string | null
  readonly conclusion: string | null
  readonly without_notice: string | null
  readonly last_day: string | null
  readonly over_at: number | null
}

const HOUR_MS = 3_600_000
/** GDPR Article 33(1). */
const AUTHORITY_MS = 72 * HOUR_MS
/** Ours: Article 33(2) says "without undue delay". */
const CLIENT_MS = 24 * HOUR_MS

/** The methods for incidents. */
export function incidentMethods(store: Store): IncidentBook {
  const selectAll = store.prepare<IncidentRow>('SELECT * FROM incident ORDER BY id')
  const selectOne = store.prepare<IncidentRow>('SELECT * FROM incident WHERE number = ?')
  const lastOfYear = store
    .prepare<string>('SELECT number FROM incident WHERE number LIKE ? ORDER BY id DESC LIMIT 1')
    .pluck()
  const selectFields = store.prepare<IncidentFact>(
    'SELECT name, value, at, by_name AS by FROM incident_field WHERE incident_id = ? ORDER BY id',
  )
  const selectNotices = store.prepare<SentNotice>(
    `SELECT recipient AS "to", at, reference, noted_at AS notedAt, noted_by AS notedBy
     FROM incident_notice WHERE incident_id = ? ORDER BY at, id`,
  )
  const insert = store.prepare(
    `INSERT INTO incident (number, role, aware_at, opened_at, opened_by, what, projects, frozen)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const insertField = store.prepare(
    'INSERT INTO incident_field (incident_id, name, value, at, by_name) VALUES (?, ?, ?, ?, ?)',
  )
  const insertNotice = store.prepare(
    `INSERT INTO incident_notice (incident_id, recipient, at, reference, noted_at, noted_by)
     VALUES (?, ?, ?, ?, ?, ?)`,
  )
  const updateRow = store.prepare('UPDATE incident SET projects = ?, frozen = ? WHERE id = ?')
  const closeRow = store.prepare(
    `UPDATE incident SET closed_at = ?, closed_by = ?, conclusion = ?, without_notice = ?, last_day = ?, over_at = ?
     WHERE id = ? AND closed_at IS NULL`,
  )

  const toIncident = (row: IncidentRow): Incident => ({
    number: row.number,
    role: row.role,
    awareAt: row.aware_at,
    openedAt: row.opened_at,
    openedBy: row.opened_by,
    what: row.what,
    projects: JSON.parse(row.projects) as readonly string[],
    frozen: row.frozen === 1,
    history: selectFields.all(row.id),
    notices: selectNotices.all(row.id),
    closed:
      row.closed_at === null
        ? null
        : {
            at: row.closed_at,
            by: row.closed_by ?? '',
            conclusion: row.conclusion ?? '',
            withoutNotice: row.without_notice,
            kept: { lastDay: row.last_day ?? '', over: row.over_at ?? 0 },
          },
  })

  const find = (number: string): IncidentRow => {
    const row = store.read('incident', () => selectOne.get(number))
    if (row !== undefined) return row
    throw new SealpostError('not-found', 'there is no incident of this number')
  }

  const findOpen = (number: string): IncidentRow => {
    const row = find(number)
    if (row.closed_at === null) return row
    throw new SealpostError('policy', `incident ${number} was closed at ${formatInstant(row.closed_at)}`)
  }

  const incident = (number: string): Incident => store.read('incident', () => toIncident(find(number)))
  const now = (): number => store.clock.now()

  return {
    openIncident: async (by, { role, awareAt, what, projects, freeze }, signal) => {
      const name = nameOf(by)
      const text = cleanText(what, 'what happened')
      if (!Number.isSafeInteger(awareAt) || awareAt > now()) {
        throw new SealpostError('config', 'the moment of awareness lies in the future')
      }
      const year = new Date(now()).getUTCFullYear()
      const last = store.read('openIncident', () => lastOfYear.get(`INC-${year}-%`))
      const number = `INC-${year}-${String(Number(last?.slice(9) ?? 0) + 1).padStart(4, '0')}`
      const facts = { role, awareAt: formatInstant(awareAt), projects: projects.length, freeze }
      await store.log.append(
        eventOf(by, 'incident-opened', { object: number, facts, personal: { what: text } }),
        signal,
      )
      if (freeze) await store.log.append(eventOf(by, 'vault-frozen', { object: number }), signal)
      const list = JSON.stringify([...new Set(projects)])
      store.write('openIncident', () => insert.run(number, role, awareAt, now(), name, text, list, freeze ? 1 : 0))
      return incident(number)
    },

    updateIncident: async (by, number, { text, fields, projects, freeze }, signal) => {
      const row = findOpen(number)
      const name = nameOf(by)
      const changes = Object.entries({ ...fields, update: text }).flatMap(([field, value]) => {
        const clean = cleanOptional(value ?? null, field)
        return clean === null ? [] : [{ field, value: clean }]
      })
      const all = [...new Set([...(JSON.parse(row.projects) as readonly string[]), ...projects])]
      const frozen = freeze ?? row.frozen === 1
      const facts = { fields: changes.length, projects: all.length }
      await store.log.append(eventOf(by, 'incident-updated', { object: number, facts }), signal)
      if (frozen !== (row.frozen === 1)) {
        await store.log.append(eventOf(by, frozen ? 'vault-frozen' : 'vault-thawed', { object: number }), signal)
      }
      store.write('updateIncident', () => {
        updateRow.run(JSON.stringify(all), frozen ? 1 : 0, row.id)
        for (const { field, value } of changes) insertField.run(row.id, field, value, now(), name)
      })
      return incident(number)
    },

    noteNotice: async (by, number, { to, at, reference }, signal) => {
      // A closed one too: the authority's answer may ask for more.
      const row = find(number)
      const name = nameOf(by)
      if (!Number.isSafeInteger(at) || at < row.aware_at || at > now()) {
        throw new SealpostError('config', 'a notification is sent after awareness, and not in the future')
      }
      const facts = { to, sentAt: formatInstant(at) }
      await store.log.append(eventOf(by, 'incident-notified', { object: number, facts }), signal)
      const text = cleanOptional(reference, 'the reference')
      store.write('noteNotice', () => insertNotice.run(row.id, to, at, text, now(), name))
      return incident(number)
    },

    closeIncident: async (by, number, { conclusion, withoutNotice }, signal) => {
      const row = findOpen(number)
      const name = nameOf(by)
      const text = cleanText(conclusion, 'the conclusion')
      const why = cleanOptional(withoutNotice, 'why nobody was notified')
      const missing = deadlinesOf(toIncident(row), now()).filter(({ sentAt }) => sentAt === null)
      if (missing.length > 0 && why === null) {
        const whom = missing.map(({ to }) => to).join(' and ')
        throw new SealpostError('policy', `no notification to the ${whom} was noted`, {
          hint: 'note it, or say why none was needed',
        })
      }
      await store.log.append(eventOf(by, 'incident-closed', { object: number }), signal)
      if (row.frozen === 1) await store.log.append(eventOf(by, 'vault-thawed', { object: number }), signal)
      const { lastDay, over } = endOfRetention(store.policy, 'incident', now())
      store.write('closeIncident', () => closeRow.run(now(), name, text, why, lastDay, over, row.id))
      return incident(number)
    },

    incidents: () => store.read('incidents', () => selectAll.all().map(toIncident)),

    incident,

    deadlines: (number) => deadlinesOf(incident(number), now()),

    freezing: () =>
      store
        .read('freezing', () => selectAll.all())
        .filter(({ frozen, closed_at }) => frozen === 1 && closed_at === null)
        .map(({ number }) => number),
  }
}

/**
 * The deadlines of an incident: 72 hours to the authority where we are the controller, 24 hours to the client where we
 * are the processor. Hours are hours: neither nights, weekends nor changes of the clock count less (UTC throughout).
 */
export function deadlinesOf(incident: Incident, now: number): readonly Deadline[] {
  const deadlines: Deadline[] = []
  const add = (to: Deadline['to'], kind: Deadline['kind'], period: number): void => {
    const due = incident.awareAt + period
    const sentAt = incident.notices.find((notice) => notice.to === to)?.at ?? null
    if (sentAt !== null) {
      deadlines.push({ to, kind, due, sentAt, state: sentAt <= due ? 'met' : 'late', remainingMs: 0 })
    } else {
      deadlines.push({ to, kind, due, sentAt, state: now <= due ? 'running' : 'missed', remainingMs: due - now })
    }
  }
  if (incident.role !== 'processor') add('authority', 'law', AUTHORITY_MS)
  if (incident.role !== 'controller') add('client', 'target', CLIENT_MS)
  return deadlines
}
