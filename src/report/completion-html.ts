import { BAR_DEFINITIONS, BAR_STYLE, bar, legend, type BarPart } from './bars.ts'
import { adviceFor, COMPLETION_WORDS, type CompletionWords } from './completion-words.ts'
import type {
  CompletionReport,
  ReportAccount,
  ReportCounts,
  ReportException,
  ReportLimit,
  ReportPass,
} from './completion-report.ts'
import { jsonForScript, safeHtml } from './html.ts'
import type { Language } from './intake-words.ts'
import { LOOK_UP_OUTCOMES, type LookUpIndex } from './look-up.ts'
import { HOUSE_STYLE, htmlPage } from './page.ts'
import { formatBytes, formatNumber, section, tableOf, type Column } from './tables.ts'

const STYLE = `${HOUSE_STYLE}${BAR_STYLE}
.verdict { font-size: 1.1rem; font-weight: 600; } #look-up-input { width: 70%; padding: .35rem; direction: ltr; } button { padding: .35rem 1rem; }
#look-up-results li { unicode-bidi: plaintext; } details { margin: .3rem 0; } summary { cursor: pointer; } pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 8.5pt; direction: ltr; text-align: left; }
@media print { #look-up { display: none; } details > * { display: block; } }
`

/** Exceptions that are named one by one on the page; the CSV file has all. */
const MOST_EXCEPTIONS = 500

/** Every mailbox of the report in its order, as `LookUpIndex.add` counts them. */
export function mailboxesOf({ accounts }: CompletionReport): readonly (readonly [string, string])[] {
  return accounts.flatMap(({ destination, mailboxes }) =>
    mailboxes.map((mailbox) => [destination, mailbox.destination] as const),
  )
}

/**
 * The report as one page for reading, printing and looking messages up. It loads nothing and may connect to nothing.
 * `script` is the bundled src/report/browser/look-up.ts; without an index there is no look-up.
 */
export function completionHtml(
  report: CompletionReport,
  language: Language,
  index: LookUpIndex | null,
  script: string,
): string {
  const words = COMPLETION_WORDS[language]
  const { client, project, written, tool } = report
  const facts = tableOf(
    [],
    [
      [words.client, value(client)],
      [words.project, key(project)],
      [words.written, key(written)],
      [words.tool, safeHtml(tool)],
    ],
    'facts',
  )
  const body = `${BAR_DEFINITIONS}<header><h1>${words.title}</h1><p>${words.subtitle}</p></header>
<main>
<p class="verdict${report.complete ? '' : ' adverse'}">${report.complete ? words.complete : words.incomplete}</p>
${facts}
${section(words.summary, summary(report, words))}
${section(words.verification, verification(report, words))}
${section(words.lookUp, index === null ? `<p>${words.lookUpTooMany}</p>` : lookUp(report, words, index), 'look-up')}
${section(words.accounts, accounts(report, words))}
${section(words.exceptions, exceptions(report.exceptions, language))}
${section(words.findings, findings(report, words))}
${section(words.passes, passes(report.passes, words))}
${section(words.limits, limits(report.limits, words))}
${section(words.evidence, evidence(report, words))}
</main>
<footer>${words.footer}</footer>`
  const page = { language, title: `${words.title} · ${safeHtml(client)}`, style: STYLE, body }
  return htmlPage(index === null ? page : { ...page, script })
}

function outcomeParts(counts: ReportCounts, words: CompletionWords): readonly BarPart[] {
  return [
    { label: words.landed, value: counts.landed, look: 'good' },
    { label: words.existing, value: counts.existing, look: 'other' },
    { label: words.skipped, value: counts.skipped, look: 'quiet' },
    { label: words.expunged, value: counts.expunged, look: 'faint' },
    { label: words.pending, value: counts.pending, look: 'open' },
    { label: words.quarantined, value: counts.quarantined, look: 'bad' },
  ]
}

function summary({ counts, bytes }: CompletionReport, words: CompletionWords): string {
  const parts = outcomeParts(counts, words)
  const shown = parts.filter(({ value, label }) => value > 0 || label === words.landed)
  const rows: readonly (readonly [string, string])[] = [
    [words.source, formatNumber(counts.source)],
    ...parts.map(({ label, value }) => [label, formatNumber(value)] as const),
    ...(counts.merged === 0 ? [] : [[words.merged, formatNumber(counts.merged)] as const]),
    [words.bytes, formatBytes(bytes.source)],
    [words.bytesLanded, formatBytes(bytes.landed)],
  ]
  return `${bar(parts, counts.source)}${legend(shown, formatNumber)}${tableOf([], rows, 'facts')}<p>${words.balance}</p>`
}

function verification({ verification: look, fidelity }: CompletionReport, words: CompletionWords): string {
  const parts: readonly BarPart[] = [
    { label: words.identical, value: fidelity.identical, look: 'good' },
    { label: words.equivalent, value: fidelity.equivalent, look: 'other' },
    { label: words.unchecked, value: fidelity.unchecked, look: 'quiet' },
    { label: words.altered, value: fidelity.altered, look: 'bad' },
    { label: words.missing, value: fidelity.missing, look: 'bad' },
  ]
  const { last } = look
  const depth = last === null ? '' : ((words.levels as Readonly<Record<string, string>>)[last.level] ?? last.level)
  const rows: readonly (readonly [string, string])[] = [
    [words.verified, formatNumber(look.verified)],
    [words.unverified, formatNumber(look.unverified)],
    ...(last === null
      ? []
      : ([
          [words.lastLook, key(last.at)],
          [words.level, safeHtml(depth)],
          [words.openFindings, formatNumber(last.open)],
        ] as const)),
  ]
  const whole = parts.reduce((sum, { value }) => sum + value, 0)
  const shown = parts.filter(({ value }, index) => value > 0 || index === 0)
  const never = last === null ? `<p class="adverse">${words.never}</p>` : ''
  return `${never}${tableOf([], rows, 'facts')}<h3>${words.fidelity}</h3>${bar(parts, whole)}${legend(shown, formatNumber)}`
}

function accounts({ accounts: all }: CompletionReport, words: CompletionWords): string {
  const most = Math.max(1, ...all.map(({ counts }) => counts.source))
  const columns: readonly Column[] = [
    words.account,
    words.state,
    { label: words.messages, number: true },
    { label: words.bytes, number: true },
    '',
  ]
  const overview = all.map((account) => [
    place(account.source, account.destination, words),
    words.states[account.state],
    formatNumber(account.counts.source),
    formatBytes(account.bytes.source),
    bar(outcomeParts(account.counts, words), most),
  ])
  return `${tableOf(columns, overview)}${all.map((account) => folders(account, words)).join('\n')}`
}

function folders({ source, destination, mailboxes }: ReportAccount, words: CompletionWords): string {
  if (mailboxes.length === 0) return ''
  const count = (label: string): Column => ({ label, number: true })
  const columns: readonly Column[] = [
    words.folder,
    ...[words.source, words.landed, words.existing, words.skipped, words.quarantined, words.bytes].map(count),
  ]
  const rows = mailboxes.map(({ source: from, destination: to, counts, bytes }) => [
    place(from, to, words),
    formatNumber(counts.source),
    formatNumber(counts.landed),
    formatNumber(counts.existing),
    formatNumber(counts.skipped),
    formatNumber(counts.quarantined),
    formatBytes(bytes.source),
  ])
  return `<details open><summary>${place(source, destination, words)}</summary>${tableOf(columns, rows)}</details>`
}

function exceptions(all: readonly ReportException[], language: Language): string {
  const words = COMPLETION_WORDS[language]
  if (all.length === 0) return `<p>${words.noExceptions}</p>`
  const groups = new Map<string, { readonly reason: string; readonly toDo: string; count: number }>()
  for (const { code, state } of all) {
    const { reason, toDo } = adviceFor(language, code, state)
    const group = groups.get(reason) ?? { reason, toDo, count: 0 }
    group.count++
    groups.set(reason, group)
  }
  const grouped = [...groups.values()].map(({ reason, toDo, count }) => [
    safeHtml(reason),
    formatNumber(count),
    safeHtml(toDo),
  ])
  const each = all
    .slice(0, MOST_EXCEPTIONS)
    .map(({ account, mailbox, uid, bytes, date, code, state }) => [
      value(account),
      value(mailbox),
      key(uid),
      key(date),
      formatBytes(bytes),
      safeHtml(adviceFor(language, code, state).reason),
    ])
  const rest =
    all.length > MOST_EXCEPTIONS ? `<p>${formatNumber(all.length - MOST_EXCEPTIONS)} ${words.more}</p>` : ''
  const named = tableOf(
    [words.account, words.folder, words.message, words.date, { label: words.bytes, number: true }, words.reason],
    each,
  )
  return `${tableOf([words.reason, { label: words.count, number: true }, words.toDo], grouped)}<h3>${words.each}</h3>${named}${rest}`
}

function findings({ findings: all }: CompletionReport, words: CompletionWords): string {
  if (all.length === 0) return `<p>${words.noFindings}</p>`
  const rows = all.map(({ account, mailbox, class: kind, check, rule, count }) => [
    value(account),
    value(mailbox),
    `<span${kind === 'open' ? ' class="adverse"' : ''}>${words.kinds[kind]}</span>`,
    `${safeHtml(check)}${rule === null ? '' : ` (${safeHtml(rule)})`}`,
    formatNumber(count),
  ])
  const columns: readonly Column[] = [
    words.account,
    words.folder,
    words.state,
    words.finding,
    { label: words.count, number: true },
  ]
  return tableOf(columns, rows)
}

function passes(all: readonly ReportPass[], words: CompletionWords): string {
  if (all.length === 0) return `<p>${words.noPasses}</p>`
  const most = Math.max(1, ...all.map(({ bytes }) => bytes ?? 0))
  const rows = all.map(({ kind, began, ended, messages, bytes }) => [
    words.work[kind],
    began === null ? '' : key(began),
    key(ended),
    messages === null ? '' : formatNumber(messages),
    bytes === null ? '' : formatBytes(bytes),
    bytes === null ? '' : bar([{ label: words.bytes, value: bytes, look: 'good' }], most),
  ])
  const columns: readonly Column[] = [
    '',
    words.began,
    words.ended,
    { label: words.messages, number: true },
    { label: words.bytes, number: true },
    '',
  ]
  return tableOf(columns, rows)
}

function limits(all: readonly ReportLimit[], words: CompletionWords): string {
  if (all.length === 0) return `<p>${words.noLimits}</p>`
  const rows = all.map(({ account, reason, waits, last }) => [
    value(account),
    safeHtml((words.waiting as Readonly<Record<string, string>>)[reason] ?? reason),
    formatNumber(waits),
    key(last),
  ])
  return tableOf([words.account, words.reason, { label: words.waits, number: true }, words.lastWait], rows)
}

function evidence({ merkle, accounts: all, checkpoint }: CompletionReport, words: CompletionWords): string {
  const rows = all.map((account) => [
    value(account.destination),
    formatNumber(account.merkle.leaves),
    key(account.merkle.root),
  ])
  const note = checkpoint === null ? '' : `<h3>${words.checkpoint}</h3><pre>${safeHtml(checkpoint)}</pre>`
  return `<p>${words.root}:<br>${key(merkle.root)}</p><p>${words.rootHow}</p>${tableOf(
    [words.account, { label: words.leaves, number: true }, 'SHA-256'],
    rows,
  )}${note}`
}

function lookUp(report: CompletionReport, words: CompletionWords, index: LookUpIndex): string {
  const data = {
    salt: index.salt.toString('base64'),
    outcomes: LOOK_UP_OUTCOMES.map((outcome) => words.outcomes[outcome]),
    mailboxes: mailboxesOf(report),
    unknown: words.lookUpUnknown,
  }
  return `<p>${words.lookUpHow}</p>
<form id="look-up-form"><input id="look-up-input" autocomplete="off" spellcheck="false" aria-label="Message-ID" placeholder="&lt;…@…&gt;"> <button>${words.lookUpButton}</button></form>
<ul id="look-up-results" aria-live="polite"></ul>
<script type="application/json" id="look-up-data">${jsonForScript(data)}</script>
<script type="text/plain" id="look-up-index">${index.bytes().toString('base64')}</script>`
}

function place(source: string, destination: string, words: CompletionWords): string {
  return source === destination
    ? value(source)
    : `${value(source)} <small>${words.becomes}</small> ${value(destination)}`
}

function key(text: string): string {
  return `<span class="key">${safeHtml(text)}</span>`
}

function value(text: string): string {
  return `<bdi class="long">${safeHtml(text)}</bdi>`
}
