import { formatInstant } from '../core/clock.ts'
import { escapeHtml } from './html.ts'
import { htmlPage } from './page.ts'

/** A notification of a breach, as far as the page needs it. */
export interface NoticePage {
  readonly number: string
  readonly to: string
  readonly phase: string
  readonly writtenAt: number
  readonly awareAt: number
  readonly due: number | null
  readonly isLate: boolean
  readonly items: readonly {
    readonly article: string
    readonly label: string
    readonly value: string | null
    readonly fromLog: boolean
  }[]
  readonly documentation: {
    readonly facts: readonly { readonly name: string; readonly value: string; readonly at: number }[]
    readonly sent: readonly { readonly to: string; readonly at: number; readonly reference: string | null }[]
    readonly conclusion: string | null
    readonly withoutNotice: string | null
  }
  /** Signed checkpoint of the audit log that the numbers come from. */
  readonly checkpoint: string
}

const STYLE = `
@page { size: A4; margin: 18mm 16mm }
body { font: 11pt/1.45 system-ui, "DejaVu Sans", sans-serif; color: #1a1a1a; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.05rem; margin-top: 1.5rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: start; vertical-align: top; padding: .3rem .5rem; border: 1px solid #ccd }
th { width: 36%; font-weight: 600 } td { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext }
.late, .open { color: #8a2b0c; font-weight: 600 } small { color: #555 } pre { font-size: 9pt; white-space: pre-wrap; overflow-wrap: anywhere }
`

/** A notice as one page for reading and printing. It loads nothing and runs nothing. */
export function noticeHtml(notice: NoticePage): string {
  const { number, to, phase, writtenAt, awareAt, due, isLate, items, documentation, checkpoint } = notice
  const row = (label: string, value: string, more = ''): string =>
    `<tr><th>${escapeHtml(label)}${more}</th><td>${value}</td></tr>`
  const dueText = due === null ? 'no deadline runs' : formatInstant(due)
  const stated = items.map(({ article, label, value, fromLog }) => {
    const text =
      value === null
        ? '<span class="open">Not known yet; it will follow (Article 33(4)).</span>'
        : `${escapeHtml(value)}${fromLog ? ' <small>(counted from the audit log)</small>' : ''}`
    return row(label, text, ` <small>Article ${escapeHtml(article)}</small>`)
  })
  const { facts, sent, conclusion, withoutNotice } = documentation
  const known = [
    ...facts.map(({ at, name, value }) => row(formatInstant(at), `${escapeHtml(name)}: ${escapeHtml(value)}`)),
    ...sent.map(({ at, to: whom, reference }) =>
      row(
        formatInstant(at),
        `notified: ${escapeHtml(whom)}${reference === null ? '' : `, ${escapeHtml(reference)}`}`,
      ),
    ),
    ...(conclusion === null ? [] : [row('Conclusion', escapeHtml(conclusion))]),
    ...(withoutNotice === null ? [] : [row('Nobody was notified, because', escapeHtml(withoutNotice))]),
  ]
  return htmlPage({
    language: 'en',
    title: escapeHtml(number),
    style: STYLE,
    body: `<h1>Notification of a personal data breach: ${escapeHtml(number)}</h1>
<table>
${row('To', escapeHtml(to))}
${row('Written', `${formatInstant(writtenAt)} (${escapeHtml(phase)})`)}
${row('Became aware', formatInstant(awareAt))}
${row('Due', `${dueText}${isLate ? ' <span class="late">late: the reasons are below</span>' : ''}`)}
</table>
<h2>Article 33(3)</h2>
<table>
${stated.join('\n')}
</table>
<h2>Documentation (Article 33(5))</h2>
<table>
${known.length === 0 ? row('Nothing yet', '') : known.join('\n')}
</table>
<h2>Audit log</h2>
<pre>${escapeHtml(checkpoint)}</pre>`,
  })
}
