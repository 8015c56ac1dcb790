import { isDeepStrictEqual } from 'node:util'
import type { Actor } from '../core/audit.ts'
import { formatInstant } from '../core/clock.ts'
import { SealpostError } from '../core/errors.ts'
import type { HoldBook } from './holds.ts'
import type { Contact, IssuedDocuments, NewRecord, ProjectRecord, StoredContact } from './record-types.ts'
import { endOfRetention } from './retention.ts'
import { eventOf, type Store } from './store.ts'

/** Projects that were. */
export interface RecordBook {
  /**
   * Keeps a record from now until the end of its period, which is returned as stored. Twice with the same facts is one
   * record; other facts for the same project are refused with `policy`. Contacts are not compared: they may have been
   * rectified or erased in between.
   */
  add(by: Actor, record: NewRecord, signal: AbortSignal): Promise<ProjectRecord>
  /** Twice with the same documents is safe; others are refused with `policy`. Throws `not-found` without a record. */
  attachDocuments(by: Actor, project: string, documents: IssuedDocuments, signal: AbortSignal): Promise<void>
  /** By the day of sign-off. A restricted record is among them, and says that it is. */
  list(): readonly ProjectRecord[]
  /** Throws `not-found`. A restricted record is shown, and says that it is. */
  show(project: string): ProjectRecord
  /** As `show`, for any use but looking and handing out: throws `policy` for a restricted record (GDPR Article 18(2)). */
  use(project: string): ProjectRecord
  /** The records, all or those named, to be handed out; noted in the log. */
  exportRecords(
    by: Actor,
    projects: readonly string[] | null,
    signal: AbortSignal,
  ): Promise<readonly ProjectRecord[]>
}

interface RecordRow {
  readonly project: string
  readonly client: string
  readonly started_at: number
  readonly signed_off_at: number
  readonly abandoned: number
  readonly counts: string
  readonly certificate: Buffer | null
  readonly fingerprint: string | null
  readonly checkpoint: string | null
  readonly last_day: string
  readonly over_at: number
  readonly restricted_at: number | null
  readonly restricted_by: string | null
  readonly restricted_for: string | null
}

interface ContactRow extends Contact {
  readonly id: number
  readonly former: string
  readonly erased: number
  readonly last_day: string
  readonly over_at: number
}

/** The methods for records of projects (promise P9). */
export function recordMethods(store: Store, holds: HoldBook): RecordBook {
  const selectAll = store.prepare<RecordRow>('SELECT * FROM record ORDER BY signed_off_at, project')
  const selectOne = store.prepare<RecordRow>('SELECT * FROM record WHERE project = ?')
  const selectContacts = store.prepare<ContactRow>('SELECT * FROM contact WHERE project = ? ORDER BY id')
  const insert = store.prepare(
    `INSERT INTO record (project, client, started_at, signed_off_at, abandoned, counts, last_day, over_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const insertContact = store.prepare(
    'INSERT INTO contact (project, name, address, phone, title, last_day, over_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const attach = store.prepare(
    'UPDATE record SET certificate = ?, fingerprint = ?, checkpoint = ? WHERE project = ? AND certificate IS NULL',
  )

  const toRecord = (row: RecordRow): ProjectRecord => ({
    project: row.project,
    client: row.client,
    contacts: selectContacts.all(row.project).map(toContact),
    startedAt: row.started_at,
    signedOffAt: row.signed_off_at,
    abandoned: row.abandoned === 1,
    counts: JSON.parse(row.counts) as Record<string, number>,
    documents:
      row.certificate === null || row.fingerprint === null
        ? null
        : { certificate: row.certificate, fingerprint: row.fingerprint, checkpoint: row.checkpoint },
    kept: { lastDay: row.last_day, over: row.over_at },
    restriction:
      row.restricted_at === null
        ? null
        : { since: row.restricted_at, by: row.restricted_by ?? '', reason: row.restricted_for ?? '' },
    holds: holds.heldProjects().find(({ project }) => project === row.project)?.holds ?? [],
  })

  const show = (project: string): ProjectRecord =>
    store.read('show', () => {
      const row = selectOne.get(project)
      if (row !== undefined) return toRecord(row)
      throw new SealpostError('not-found', 'there is no record of this project')
    })

  const insertRecord = (record: NewRecord): void => {
    const { project, client, startedAt, signedOffAt, abandoned, counts, contacts } = record
    const kept = endOfRetention(store.policy, 'record', signedOffAt)
    const keptContact = endOfRetention(store.policy, 'contact', signedOffAt)
    const sums = JSON.stringify(counts)
    insert.run(project, client, startedAt, signedOffAt, abandoned ? 1 : 0, sums, kept.lastDay, kept.over)
    for (const { name, address, phone, title } of contacts) {
      insertContact.run(project, name, address, phone, title, keptContact.lastDay, keptContact.over)
    }
  }

  return {
    add: async (by, record, signal) => {
      assertRecord(record)
      const present = store.read('add', () => selectOne.get(record.project))
      if (present !== undefined) {
        const former = toRecord(present)
        if (isDeepStrictEqual(factsOf(former), factsOf(record))) return former
        throw new SealpostError('policy', 'there is another record of this project already')
      }
      // The log first: after a crash in between it has the line twice, and never not at all.
      const facts = { contacts: record.contacts.length, abandoned: record.abandoned }
      await store.log.append(eventOf(by, 'record-added', { project: record.project, facts }), signal)
      store.write('add', () => insertRecord(record))
      return show(record.project)
    },

    attachDocuments: async (by, project, documents, signal) => {
      const { certificate, fingerprint, checkpoint } = documents
      const present = show(project).documents
      if (present !== null) {
        const same = isDeepStrictEqual(
          [Buffer.from(present.certificate), present.fingerprint, present.checkpoint],
          [Buffer.from(certificate), fingerprint, checkpoint],
        )
        if (same) return
        throw new SealpostError('policy', 'the record has another certificate already')
      }
      await store.log.append(eventOf(by, 'record-added', { project, object: 'certificate' }), signal)
      store.write('attachDocuments', () => attach.run(Buffer.from(certificate), fingerprint, checkpoint, project))
    },

    list: () => store.read('list', () => selectAll.all().map(toRecord)),

    show,

    use: (project) => {
      const record = show(project)
      if (record.restriction === null) return record
      const since = formatInstant(record.restriction.since)
      throw new SealpostError(
        'policy',
        `the record is restricted since ${since}: it may be shown and exported only`,
        {
          code: 'RESTRICTED',
        },
      )
    },

    exportRecords: async (by, projects, signal) => {
      const records =
        projects === null ? store.read('exportRecords', () => selectAll.all().map(toRecord)) : projects.map(show)
      await store.log.append(eventOf(by, 'record-exported', { facts: { records: records.length } }), signal)
      return records
    },
  }
}

function toContact(row: ContactRow): StoredContact {
  const { id, name, address, phone, title, former, erased, last_day, over_at } = row
  return {
    id,
    name,
    address,
    phone,
    title,
    former: JSON.parse(former) as readonly Contact[],
    erased: erased === 1,
    kept: { lastDay: last_day, over: over_at },
  }
}

/** What two records of one project must have in common to be the same. */
function factsOf(record: Omit<NewRecord, 'contacts'>): readonly unknown[] {
  const { client, startedAt, signedOffAt, abandoned, counts } = record
  return [client, startedAt, signedOffAt, abandoned, counts]
}

/** Numbers under plain names, and times that are some: nothing else of a project gets into its record. */
function assertRecord(record: NewRecord): void {
  const { startedAt, signedOffAt, counts } = record
  const times = [startedAt, signedOffAt].every((time) => Number.isSafeInteger(time))
  const sums = Object.entries(counts).every(
    ([name, count]) => /^[a-z][A-Za-z0-9]{0,63}$/.test(name) && Number.isSafeInteger(count) && count >= 0,
  )
  if (!times || !sums) throw new SealpostError('bug', 'records: add: not a record')
}
