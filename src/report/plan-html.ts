import { BAR_DEFINITIONS, BAR_STYLE, bar } from './bars.ts'
import { safeHtml } from './html.ts'
import type { Language } from './intake-words.ts'
import { HOUSE_STYLE, htmlPage } from './page.ts'
import type { PlanAccount, PlanAmount, PlanLimit, PlanReport, PlanSpan } from './plan-report.ts'
import { PLAN_WORDS, type PlanWords } from './plan-words.ts'
import { formatBytes, formatNumber, section, tableOf, type Column } from './tables.ts'

const STYLE = `${HOUSE_STYLE}${BAR_STYLE}
details { margin: .3rem 0; } summary { cursor: pointer; } th.number { white-space: normal; }
`

/** Accounts that are named for one risk; `plan --json` names all. */
const MOST_NAMED = 10

/** The plan as one page for reading and printing. It loads nothing, runs nothing and may connect to nothing. */
export function planHtml(report: PlanReport, language: Language): string {
  const words = PLAN_WORDS[language]
  const body = `${BAR_DEFINITIONS}<header><h1>${words.title}</h1><p>${words.subtitle}</p></header>
<main>
${section(words.summary, summary(report, words))}
${section(words.unfit, unfit(report, words))}
${section(words.risksTitle, risks(report, words))}
${section(words.passes, passes(report, words))}
${section(words.assumptions, assumptions(report, words))}
${section(words.growth, growth(report, words))}
${section(words.usesTitle, uses(report, words))}
${section(words.largest, largest(report, words))}
${section(words.mapping, mapping(report, words))}
</main>
<footer>${words.footer}</footer>`
  return htmlPage({ language, title: `${words.title} · ${safeHtml(report.client)}`, style: STYLE, body })
}

function summary(report: PlanReport, words: PlanWords): string {
  const [first] = report.passes
  const rows: readonly (readonly [string, string])[] = [
    [words.client, value(report.client)],
    [words.project, key(report.project)],
    [words.written, key(report.written)],
    [words.tool, safeHtml(report.tool)],
    [words.accounts, formatNumber(report.accounts.length)],
    [words.messages, formatNumber(report.messages)],
    [words.bytes, formatBytes(report.bytes)],
    [words.moved, `${formatNumber(report.moved.messages)} (${formatBytes(report.moved.bytes)})`],
    ...(first === undefined ? [] : [[words.time, span(first.seconds, words)] as const]),
  ]
  return tableOf([], rows, 'facts')
}

function unfit({ unfit: all }: PlanReport, words: PlanWords): string {
  if (all.length === 0) return `<p>${words.nothingUnfit}</p>`
  const rows = all.map(({ account, mailbox, reason, messages, bytes, limitBytes }) => [
    value(account),
    mailbox === null ? '' : value(mailbox),
    words.reasons[reason],
    messages === null ? '' : formatNumber(messages),
    bytes === null ? '' : formatBytes(bytes),
    limitBytes === null ? '' : formatBytes(limitBytes),
  ])
  return tableOf(
    [words.account, words.folder, words.reason, ...[words.messages, words.bytes, words.limit].map(number)],
    rows,
  )
}

function risks({ risks: all }: PlanReport, words: PlanWords): string {
  if (all.length === 0) return `<p>${words.noRisks}</p>`
  const rows = all.map(({ code, accounts }) => {
    const rest = accounts.length - MOST_NAMED
    const named = accounts.slice(0, MOST_NAMED).map(value).join(', ')
    return [
      words.risks[code],
      formatNumber(accounts.length),
      rest > 0 ? `${named}, + ${formatNumber(rest)}` : named,
    ]
  })
  return tableOf([words.risk, number(''), words.concerned], rows)
}

function passes({ passes: all }: PlanReport, words: PlanWords): string {
  const rows = all.map((pass) => [
    words.kinds[pass.kind],
    formatNumber(pass.listed),
    formatNumber(pass.messages),
    formatBytes(pass.bytesFromSource),
    formatBytes(pass.bytesToDestination),
    formatBytes(pass.bytesFromDestination),
    span(pass.seconds, words),
  ])
  const numbers = [words.listed, words.moving, words.fromSource, words.toDestination, words.fromDestination]
  return tableOf([words.pass, ...numbers.map(number), words.duration], rows)
}

function assumptions({ assumptions: all }: PlanReport, words: PlanWords): string {
  const { pace, limits, bytesPerSecond } = all
  const between = ({ slow, fast }: PlanSpan, format: (amount: number) => string): string =>
    `${format(slow)} ${words.to} ${format(fast)}`
  const rows: readonly (readonly [string, string])[] = [
    [words.atOnce, formatNumber(all.accountsAtOnce)],
    [words.pace, between(pace.messagesPerSecond, formatNumber)],
    [words.throughput, between(pace.bytesPerSecond, formatBytes)],
    [words.dayShare, `<bdi>${Math.round(all.dayShare * 100)} %</bdi>`],
    ...(bytesPerSecond === null ? [] : [[words.rate, formatBytes(bytesPerSecond)] as const]),
    [words.platform, limits.length === 0 ? words.noPlatform : limits.map((one) => limit(one, words)).join('<br>')],
  ]
  return `<p class="note">${words.assumed}</p>${tableOf([], rows, 'facts')}`
}

function limit(one: PlanLimit, words: PlanWords): string {
  const parts = [
    one.messagesPerSecond === null
      ? []
      : `${formatNumber(one.messagesPerSecond)} ${words.messages} ${words.aSecond}`,
    one.bytesPerSecond === null ? [] : `${formatBytes(one.bytesPerSecond)} ${words.aSecond}`,
    one.bytesPerDay === null ? [] : `${formatBytes(one.bytesPerDay)} ${words.aDay}`,
  ].flat()
  return `${value(one.platform)} (${words[one.side]}, ${words[one.work]}): ${parts.join(', ')}`
}

function growth({ growth: years }: PlanReport, words: PlanWords): string {
  return amounts(
    words.year,
    years.map((one) => [one.year === null ? words.undated : `<bdi>${one.year}</bdi>`, one]),
    words,
  )
}

function uses({ specialUse }: PlanReport, words: PlanWords): string {
  const names: Readonly<Record<string, string>> = words.uses
  return amounts(
    words.use,
    specialUse.map((one) => {
      const name = names[one.use ?? 'none'] ?? safeHtml(one.use ?? '')
      return [`${name} (${formatNumber(one.mailboxes)})`, one]
    }),
    words,
  )
}

/** Rows of messages and bytes, with a bar for the bytes. */
function amounts(head: string, rows: readonly (readonly [string, PlanAmount])[], words: PlanWords): string {
  const most = Math.max(1, ...rows.map(([, { bytes }]) => bytes))
  return tableOf(
    [head, number(words.messages), number(words.bytes), ''],
    rows.map(([name, { messages, bytes }]) => [
      name,
      formatNumber(messages),
      formatBytes(bytes),
      bar([{ label: words.bytes, value: bytes, look: 'good' }], most),
    ]),
  )
}

function largest({ largest: all }: PlanReport, words: PlanWords): string {
  const rows = all.map(({ account, mailbox, bytes, date }) => [
    value(account),
    value(mailbox),
    date === null ? words.undated : key(date.slice(0, 10)),
    formatBytes(bytes),
  ])
  return tableOf([words.account, words.folder, words.date, number(words.bytes)], rows)
}

function mapping({ accounts: all }: PlanReport, words: PlanWords): string {
  const rows = all.map((account) => [
    value(account.source),
    value(account.destination),
    formatNumber(account.messages),
    formatBytes(account.bytes),
    account.error === null ? span(account.seconds, words) : words.reasons.unreachable,
  ])
  const overview = tableOf(
    [words.account, words.becomes, number(words.messages), number(words.bytes), words.duration],
    rows,
  )
  return `${overview}${all.map((account) => folders(account, words)).join('\n')}`
}

function folders({ source, mailboxes }: PlanAccount, words: PlanWords): string {
  if (mailboxes.length === 0) return ''
  const rows = mailboxes.map((mailbox) => [
    value(mailbox.source),
    value(mailbox.destination),
    mailbox.create ? words.create : words.exists,
    formatNumber(mailbox.messages),
    formatBytes(mailbox.bytes),
  ])
  const columns = [words.folder, words.becomes, words.state, number(words.messages), number(words.bytes)]
  return `<details open><summary>${value(source)}</summary>${tableOf(columns, rows)}</details>`
}

function span({ fast, slow }: PlanSpan, words: PlanWords): string {
  const [from, to] = [duration(fast, words), duration(slow, words)]
  return from === to ? from : `${from} ${words.to} ${to}`
}

/** In the largest unit of which there are two, rounded up: nobody is promised less than it takes. */
function duration(seconds: number, words: PlanWords): string {
  if (seconds >= 2 * 86_400) return `${formatNumber(Math.ceil(seconds / 86_400))} ${words.days}`
  if (seconds >= 2 * 3600) return `${formatNumber(Math.ceil(seconds / 3600))} ${words.hours}`
  return `${formatNumber(Math.ceil(seconds / 60))} ${words.minutes}`
}

function number(label: string): Column {
  return { label, number: true }
}

function key(text: string): string {
  return `<span class="key">${safeHtml(text)}</span>`
}

function value(text: string): string {
  return `<bdi class="long">${safeHtml(text)}</bdi>`
}
