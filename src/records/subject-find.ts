import { counted } from '../core/counted.ts'
import type { PersonalOpener } from '../core/audit.ts'
import type { HoldBook } from './holds.ts'
import type { IncidentBook } from './incidents.ts'
import type { RecordBook } from './project-records.ts'
import type { ProjectRecord } from './record-types.ts'
import type { Store } from './store.ts'
import { assertQuery, matchJson, matchPerson, matchText, type Match, type SubjectQuery } from './subject-match.ts'

/** One place where something is held about a person. */
export interface SubjectHit {
  readonly where: 'contact' | 'client' | 'certificate' | 'restriction' | 'hold' | 'incident' | 'log' | 'actor'
  /** The project, where it belongs to one. */
  readonly project: string | null
  /** Number of the contact, the hold or the entry; number of the incident. */
  readonly id: string
  /** Which field, or where in the certificate (RFC 6901). */
  readonly field: string
  readonly value: string
  readonly match: Match
  /** The last day on which it is kept, `YYYY-MM-DD`; null where that is not settled yet. */
  readonly keptUntil: string | null
  readonly restricted: boolean
}

/** Finds what is held about a person. */
export type SubjectFinder = (
  query: SubjectQuery,
  opener: PersonalOpener,
  signal: AbortSignal,
) => Promise<readonly SubjectHit[]>

/** The search over records, holds, incidents and the log's sealed fields (promise P11: access). */
export function subjectFinder(
  store: Store,
  records: RecordBook,
  holds: HoldBook,
  incidents: IncidentBook,
): SubjectFinder {
  return async (query, opener, signal) => {
    assertQuery(query)
    const list = records.list()
    const byProject = new Map(list.map((record) => [record.project, record]))
    const hits = list.flatMap((record) => findInRecord(query, record))
    const place = (project: string | null): Pick<SubjectHit, 'project' | 'keptUntil' | 'restricted'> => {
      const record = project === null ? undefined : byProject.get(project)
      return {
        project,
        keptUntil: record?.kept.lastDay ?? null,
        restricted: (record?.restriction ?? null) !== null,
      }
    }
    for (const hold of holds.holds()) {
      const texts = { setBy: hold.setBy, reason: hold.reason, ...renameReleased(hold.released) }
      for (const found of findInTexts(query, texts)) {
        hits.push({ where: 'hold', id: `${hold.id}`, ...found, ...place(hold.project) })
      }
    }
    for (const incident of incidents.incidents()) {
      const texts = {
        what: incident.what,
        openedBy: incident.openedBy,
        ...(incident.closed === null
          ? {}
          : { conclusion: incident.closed.conclusion, closedBy: incident.closed.by }),
        ...Object.fromEntries(incident.history.map(({ name, value }, i) => [`${name} (${i + 1})`, value])),
      }
      for (const found of findInTexts(query, texts)) {
        const keptUntil = incident.closed?.kept.lastDay ?? null
        hits.push({
          where: 'incident',
          id: incident.number,
          ...found,
          project: null,
          keptUntil,
          restricted: false,
        })
      }
    }
    let acted = 0
    for await (const { entry } of store.log.entries(signal)) {
      if (entry?.by.name != null && matchText(query, entry.by.name) === 'exact') acted++
    }
    if (acted > 0) {
      const value = `${counted(acted, 'entry of the audit log names', 'entries of the audit log name')} the person as the one who acted`
      hits.push({ where: 'actor', id: query.name ?? '', field: 'actor', value, match: 'exact', ...place(null) })
    }
    for await (const { entry, fields } of store.log.personal(opener, signal)) {
      for (const found of findInTexts(query, fields)) {
        hits.push({ where: 'log', id: `${entry.index}`, ...found, ...place(entry.project) })
      }
    }
    return hits
  }
}

function findInRecord(query: SubjectQuery, record: ProjectRecord): SubjectHit[] {
  const { project, restriction, kept } = record
  const common = { project, restricted: restriction !== null, keptUntil: kept.lastDay }
  const hits: SubjectHit[] = []
  for (const contact of record.contacts) {
    const matches = [contact, ...contact.former].map((person) => matchPerson(query, person))
    const match = matches.find((one) => one === 'exact') ?? matches.find((one) => one !== null)
    if (match == null) continue
    const { name, address, phone, title } = contact
    const value = [name, address, phone, title].filter((part) => part !== null).join(', ')
    const keptUntil = contact.kept.lastDay
    hits.push({ where: 'contact', ...common, id: `${contact.id}`, field: 'contact', value, match, keptUntil })
  }
  const texts = { client: record.client }
  for (const found of findInTexts(query, texts)) hits.push({ where: 'client', ...common, id: project, ...found })
  if (restriction !== null) {
    for (const found of findInTexts(query, { by: restriction.by, reason: restriction.reason })) {
      hits.push({ where: 'restriction', ...common, id: project, ...found })
    }
  }
  for (const { place, text, match } of matchJson(query, parseCertificate(record))) {
    hits.push({ where: 'certificate', ...common, id: project, field: place, value: text, match })
  }
  return hits
}

function findInTexts(
  query: SubjectQuery,
  texts: Readonly<Record<string, string>>,
): Pick<SubjectHit, 'field' | 'value' | 'match'>[] {
  return Object.entries(texts).flatMap(([field, value]) => {
    const match = matchText(query, value)
    return match === null ? [] : [{ field, value, match }]
  })
}

/** A certificate that is not JSON, which none of ours is, is searched as one text. */
function parseCertificate(record: ProjectRecord): unknown {
  if (record.documents === null) return null
  const text = Buffer.from(record.documents.certificate).toString('utf8')
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

function renameReleased(
  released: { readonly by: string; readonly reason: string } | null,
): Readonly<Record<string, string>> {
  return released === null ? {} : { releasedBy: released.by, releaseReason: released.reason }
}
