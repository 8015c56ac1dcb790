import { formatInstant } from '../../core/clock.ts'
import { SealpostError } from '../../core/errors.ts'
import type { Deadline, Incident, NoticeField, Recipient } from '../../records/incident-types.ts'
import type { IncidentUpdate } from '../../records/incidents.ts'
import { formatDuration } from '../config/units.ts'

/** What commander leaves of the options of `incident update`. */
export interface RawUpdate extends Readonly<Partial<Record<Exclude<NoticeField, 'update'>, string>>> {
  readonly text?: string
  readonly affects?: readonly string[]
  readonly freeze?: boolean
  readonly thaw?: boolean
  readonly notified?: Recipient
  readonly at?: number
  readonly reference?: string
}

/** Throws `config` for a moment or reference of a notification that was not named. */
export function assertNoticeOptions(options: RawUpdate): void {
  if (options.notified !== undefined || (options.at === undefined && options.reference === undefined)) return
  throw new SealpostError('config', '--at and --reference go with --notified', { code: 'USAGE' })
}

/**
 * What an update changes; null when it only notes a notification. Throws `config` when it says nothing at all.
 */
export function toUpdate(
  options: RawUpdate,
  names: readonly Exclude<NoticeField, 'update'>[],
  projects: readonly string[],
): IncidentUpdate | null {
  const given = names.flatMap((name) => {
    const value = options[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  const freeze = options.freeze === true ? true : options.thaw === true ? false : null
  const text = options.text ?? null
  if (given.length > 0 || projects.length > 0 || freeze !== null || text !== null) {
    return { text, fields: Object.fromEntries(given), projects, freeze }
  }
  if (options.notified !== undefined) return null
  throw new SealpostError('config', 'nothing to add was given', {
    hint: 'sealpost incident update --help shows what can be',
    code: 'USAGE',
  })
}

/** An incident for people. */
export function incidentLines(incident: Incident, deadlines: readonly Deadline[]): readonly string[] {
  const { number, role, awareAt, openedBy, projects, frozen, closed, what } = incident
  const state = closed === null ? `open${frozen ? ', vault frozen' : ''}` : `closed ${formatInstant(closed.at)}`
  return [
    `${number}  ${state}`,
    `  aware        ${formatInstant(awareAt)}, opened by ${openedBy}, as ${role}`,
    `  what         ${what.replace(/\n/g, ' ')}`,
    `  projects     ${projects.length === 0 ? 'not known yet' : projects.join(', ')}`,
    ...deadlines.map((deadline) => `  ${deadline.to.padEnd(12)} ${deadlineText(deadline)}`),
    ...(closed === null ? [] : [`  kept until   ${closed.kept.lastDay}`]),
  ]
}

/** An incident as `--json` shows it. */
export function incidentDocument(incident: Incident, deadlines: readonly Deadline[]): object {
  const { awareAt, openedAt, history, notices, closed } = incident
  return {
    ...incident,
    awareAt: formatInstant(awareAt),
    openedAt: formatInstant(openedAt),
    history: history.map((fact) => ({ ...fact, at: formatInstant(fact.at) })),
    notices: notices.map((one) => ({ ...one, at: formatInstant(one.at), notedAt: formatInstant(one.notedAt) })),
    closed: closed && { ...closed, at: formatInstant(closed.at), kept: undefined, keptUntil: closed.kept.lastDay },
    deadlines: deadlines.map(({ due, sentAt, remainingMs, ...deadline }) => ({
      ...deadline,
      due: formatInstant(due),
      sentAt: sentAt === null ? null : formatInstant(sentAt),
      remainingSeconds: Math.trunc(remainingMs / 1000),
    })),
  }
}

function deadlineText({ kind, due, sentAt, state, remainingMs }: Deadline): string {
  const by = `${formatInstant(due)}${kind === 'target' ? ' (24 h, our own target)' : ' (72 h, Article 33(1))'}`
  switch (state) {
    case 'met':
      return `notified ${formatInstant(sentAt ?? 0)}, in time for ${by}`
    case 'late':
      return `notified ${formatInstant(sentAt ?? 0)}, LATE: due ${by}`
    case 'running':
      return `due ${by}: ${formatDuration(remainingMs)} left`
    case 'missed':
      return `OVERDUE since ${by}: by ${formatDuration(-remainingMs)}`
  }
}
