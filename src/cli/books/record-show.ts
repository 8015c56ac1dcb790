import { createHash } from 'node:crypto'
import { formatInstant } from '../../core/clock.ts'
import type { ProjectRecord } from '../../records/record-types.ts'
import type { KeptHit, SubjectReport } from '../../records/subjects.ts'
import type { SubjectHit } from '../../records/subject-find.ts'
import type { DataTable } from '../../report/data-table.ts'

/** A record as `--json` and the JSON export show it. The certificate's bytes are in base64: they are what was signed. */
export function recordDocument(record: ProjectRecord): object {
  const { project, client, contacts, startedAt, signedOffAt, abandoned, counts, documents, kept } = record
  const { restriction, holds } = record
  return {
    project,
    client,
    startedAt: formatInstant(startedAt),
    signedOffAt: formatInstant(signedOffAt),
    abandoned,
    counts,
    contacts: contacts.map(({ name, address, phone, title, former, erased, kept: { lastDay } }) => {
      return { name, address, phone, title, former, erased, keptUntil: lastDay }
    }),
    certificate: documents && {
      fingerprint: documents.fingerprint,
      checkpoint: documents.checkpoint,
      base64: Buffer.from(documents.certificate).toString('base64'),
    },
    keptUntil: kept.lastDay,
    restriction: restriction && { ...restriction, since: formatInstant(restriction.since) },
    holds,
  }
}

/** A record for people. */
export function recordLines(record: ProjectRecord): readonly string[] {
  const { project, client, contacts, counts, documents, kept, restriction, holds } = record
  return [
    `${client}  ${project}`,
    `  from          ${formatInstant(record.startedAt)} to ${formatInstant(record.signedOffAt)}${record.abandoned ? ' (abandoned)' : ''}`,
    `  counts        ${Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
    ...contacts.map(({ name, address, phone, title }) => {
      return `  contact       ${[name, title, address, phone].filter((part) => part !== null).join(', ')}`
    }),
    `  certificate   ${documents === null ? 'not issued yet' : documents.fingerprint}`,
    `  kept until    ${kept.lastDay}`,
    ...(restriction === null
      ? []
      : [`  restricted    since ${formatInstant(restriction.since)} by ${restriction.by}: ${restriction.reason}`]),
    ...(holds.length === 0 ? [] : [`  legal hold    ${holds.join(', ')}`]),
  ]
}

/** Records and their contacts as two tables. */
export function recordTables(records: readonly ProjectRecord[]): readonly DataTable[] {
  const sums = ['accounts', 'mailboxes', 'messages', 'landed', 'bytes', 'exceptions']
  return [
    {
      name: 'records',
      columns: [
        'project',
        'client',
        'started',
        'signed off',
        'abandoned',
        ...sums,
        'kept until',
        'certificate key',
        'certificate SHA-256',
        'restricted since',
        'holds',
      ],
      rows: records.map((record) => [
        record.project,
        record.client,
        formatInstant(record.startedAt),
        formatInstant(record.signedOffAt),
        record.abandoned ? 'yes' : 'no',
        ...sums.map((name) => record.counts[name] ?? null),
        record.kept.lastDay,
        record.documents?.fingerprint ?? null,
        record.documents === null ? null : digestOf(record.documents.certificate),
        record.restriction === null ? null : formatInstant(record.restriction.since),
        record.holds.join(' '),
      ]),
    },
    {
      name: 'contacts',
      columns: ['project', 'client', 'name', 'title', 'address', 'phone', 'erased', 'kept until'],
      rows: records.flatMap(({ project, client, contacts }) =>
        contacts.map(({ name, title, address, phone, erased, kept }) => {
          return [project, client, name, title, address, phone, erased ? 'yes' : 'no', kept.lastDay]
        }),
      ),
    },
  ]
}

/** What is held about a person, as a table. */
export function subjectTable(hits: readonly SubjectHit[]): DataTable {
  return {
    name: 'held',
    columns: ['where', 'project', 'number', 'field', 'value', 'match', 'kept until', 'restricted'],
    rows: hits.map(({ where, project, id, field, value, match, keptUntil, restricted }) => {
      return [where, project, id, field, value, match, keptUntil, restricted ? 'yes' : 'no']
    }),
  }
}

/** One place where something is held, on one line. */
export function hitLine(hit: SubjectHit | KeptHit): string {
  const { where, project, id, field, value, match } = hit
  const place = [where, project ?? '', id === project ? '' : id, field === where ? '' : field]
    .filter(Boolean)
    .join(' ')
  const why = 'because' in hit ? `; stays: ${hit.because}` : ''
  return `  ${place}: ${value.replace(/\s+/g, ' ')}${match === 'mention' ? ' (mentioned)' : ''}${why}`
}

/** What came of a request, as `--json` shows it. */
export function reportDocument({ at, done, kept, method }: SubjectReport): object {
  return { at: formatInstant(at), done, kept, method }
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
