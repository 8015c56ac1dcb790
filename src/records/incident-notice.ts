import { counted } from '../core/counted.ts'
import { formatInstant } from '../core/clock.ts'
import type { Exposure } from './incident-collect.ts'
import type { Incident, IncidentFact, NoticeField, Recipient } from './incident-types.ts'
import { deadlinesOf } from './incidents.ts'

/** One statement of a notice. */
export interface NoticeItem {
  /** Where it is asked for: `33(3)(a)`. */
  readonly article: string
  readonly label: string
  /** Null where it is not known yet. */
  readonly value: string | null
  /** Counted from the audit log, and said by nobody. */
  readonly fromLog: boolean
}

/** A notification of a breach with the fields of GDPR Article 33(3), as data. */
export interface Notice {
  readonly number: string
  readonly to: Recipient
  readonly writtenAt: number
  /** Article 33(4): `initial` before anything was sent to this recipient, `further` after that, `final` once closed. */
  readonly phase: 'initial' | 'further' | 'final'
  readonly awareAt: number
  /** Null where no deadline runs towards this recipient. */
  readonly due: number | null
  readonly isLate: boolean
  readonly items: readonly NoticeItem[]
  /** Labels of what is still to follow. */
  readonly missing: readonly string[]
  /** Article 33(5): facts, effects and remedial action, as they became known. */
  readonly documentation: {
    readonly facts: readonly IncidentFact[]
    readonly sent: Incident['notices']
    readonly conclusion: string | null
    readonly withoutNotice: string | null
  }
}

/** Makes the notice of an incident. `exposure` fills in numbers that nobody has stated. */
export function buildNotice(incident: Incident, to: Recipient, exposure: Exposure | null, now: number): Notice {
  const latest = new Map(incident.history.map(({ name, value }) => [name, value]))
  const deadline = deadlinesOf(incident, now).find((one) => one.to === to)
  const isLate = deadline !== undefined && (deadline.sentAt ?? now) > deadline.due
  const counted = exposure === null ? null : countsOf(exposure)
  const item = (article: string, label: string, name: NoticeField, fallback: string | null = null): NoticeItem => {
    const stated = latest.get(name) ?? null
    return { article, label, value: stated ?? fallback, fromLog: stated === null && fallback !== null }
  }
  const items: NoticeItem[] = [
    { article: '33(3)(a)', label: 'Nature of the breach', value: incident.what, fromLog: false },
    item('33(3)(a)', 'Categories of data subjects', 'subjectCategories'),
    item('33(3)(a)', 'Approximate number of data subjects', 'subjectCount', counted?.subjects ?? null),
    item('33(3)(a)', 'Categories of personal data records', 'recordCategories'),
    item('33(3)(a)', 'Approximate number of personal data records', 'recordCount', counted?.records ?? null),
    item('33(3)(b)', 'Data protection officer or other contact', 'contact'),
    item('33(3)(c)', 'Likely consequences', 'consequences'),
    item('33(3)(d)', 'Measures taken or proposed', 'measures'),
  ]
  if (isLate) items.push(item('33(1)', 'Reasons for the delay', 'delayReason'))
  const wasSent = incident.notices.some((notice) => notice.to === to)
  return {
    number: incident.number,
    to,
    writtenAt: now,
    phase: incident.closed !== null ? 'final' : wasSent ? 'further' : 'initial',
    awareAt: incident.awareAt,
    due: deadline?.due ?? null,
    isLate,
    items,
    missing: items.filter(({ value }) => value === null).map(({ label }) => label),
    documentation: {
      facts: incident.history,
      sent: incident.notices,
      conclusion: incident.closed?.conclusion ?? null,
      withoutNotice: incident.closed?.withoutNotice ?? null,
    },
  }
}

/** The notice as plain text in English, to be sent or copied into an authority's form. */
export function formatNotice(notice: Notice): string {
  const lines = [
    `Notification of a personal data breach: ${notice.number}`,
    `To: ${RECIPIENTS[notice.to]}`,
    `Written: ${formatInstant(notice.writtenAt)} (${PHASES[notice.phase]})`,
    `Became aware: ${formatInstant(notice.awareAt)}`,
  ]
  if (notice.due !== null) {
    lines.push(
      `Due: ${formatInstant(notice.due)}${notice.isLate ? ' (late: Article 33(1) asks for the reasons)' : ''}`,
    )
  }
  for (const { article, label, value, fromLog } of notice.items) {
    const stated = value === null ? 'Not known yet; it will follow (Article 33(4)).' : value
    lines.push(
      '',
      `${label} (Article ${article})`,
      indent(fromLog ? `${stated} (counted from the audit log)` : stated),
    )
  }
  const { facts, sent, conclusion, withoutNotice } = notice.documentation
  lines.push('', 'Documentation (Article 33(5))')
  for (const { at, name, value } of facts) lines.push(indent(`${formatInstant(at)} ${name}: ${value}`))
  for (const { to, at, reference } of sent) {
    const file = reference === null ? '' : `, ${reference}`
    lines.push(indent(`${formatInstant(at)} notified: ${RECIPIENTS[to]}${file}`))
  }
  if (conclusion !== null) lines.push(indent(`Conclusion: ${conclusion}`))
  if (withoutNotice !== null) lines.push(indent(`Nobody was notified, because: ${withoutNotice}`))
  if (facts.length + sent.length === 0 && conclusion === null) lines.push(indent('Nothing yet.'))
  return `${lines.join('\n')}\n`
}

const RECIPIENTS: Readonly<Record<Recipient, string>> = {
  authority: 'the supervisory authority (Article 33(1))',
  client: 'the client as controller (Article 33(2))',
  subjects: 'the data subjects (Article 34)',
}

const PHASES: Readonly<Record<Notice['phase'], string>> = {
  initial: 'first notification',
  further: 'further information, Article 33(4)',
  final: 'final information, Article 33(4)',
}

function countsOf({ totals, unreadable }: Exposure): { readonly subjects: string; readonly records: string } {
  const gaps =
    unreadable === 0
      ? ''
      : `; ${counted(unreadable, 'entry of the log is', 'entries of the log are')} erased and not counted`
  return {
    subjects: `the holders of at most ${counted(totals.accounts, 'account')}, and those who wrote to them`,
    records: `at most ${counted(totals.credentials, 'credential')} and ${counted(totals.messages, 'message')}${gaps}`,
  }
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')
}
