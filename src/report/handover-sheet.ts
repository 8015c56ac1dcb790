import type { BackupForm } from '../core/backups.ts'
import type { Recipient } from '../core/ports.ts'
import { HANDOVER_WORDS } from './handover-words.ts'
import { escapeHtml, safeHtml } from './html.ts'
import type { Language } from './intake-words.ts'
import { htmlPage } from './page.ts'

/** What a hand-over sheet says. */
export interface HandoverSheet {
  readonly client: string
  readonly projectId: string
  readonly to: string
  readonly how: string | null
  /** RFC 3339. */
  readonly date: string
  readonly language: Language
  readonly files: readonly HandoverFile[]
  /** What a receipt is signed for (`ssh-keygen -n`). */
  readonly receiptNamespace: string
  readonly certificateFingerprint: string
  readonly checkpoint: string | null
}

/** One file of the backup. */
export interface HandoverFile {
  readonly name: string
  readonly bytes: number
  readonly messages: number
  readonly sha256: string
  readonly recipients: readonly Recipient[]
  readonly form: BackupForm
}

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 1.5rem }
code, pre { font: 12px/1.4 ui-monospace, monospace; direction: ltr; unicode-bidi: isolate; overflow-wrap: anywhere; white-space: pre-wrap }
pre { background: #8881; padding: .6rem; text-align: left } dt { font-weight: 600 } dd { margin: 0 0 .5rem }
section { border: 1px solid #8888; border-radius: .4rem; padding: .5rem 1rem; margin: .6rem 0 }
`

/** One self-contained page that goes to the client with the files: what they are, how to check them and how to open them. */
export function handoverSheetHtml(sheet: HandoverSheet): string {
  const words = HANDOVER_WORDS[sheet.language]
  const text = (key: keyof typeof words): string => escapeHtml(words[key])
  const [first] = sheet.files
  const name = first?.name ?? 'backup.age'
  const all = sheet.files.map((file) => quoted(file.name)).join(' ')
  const numbers = new Intl.NumberFormat('en')
  const row = (label: keyof typeof words, value: string): string => `<dt>${text(label)}</dt><dd>${value}</dd>`
  const files = sheet.files.map(
    (file) => `<section><dl>
${row('file', `<code>${safeHtml(file.name)}</code>`)}
<dt>SHA-256</dt><dd><code>${escapeHtml(file.sha256)}</code></dd>
${row('bytes', numbers.format(file.bytes))}
${row('messages', numbers.format(file.messages))}
${row('sealedTo', file.recipients.map(({ fingerprint }) => `<code>${escapeHtml(fingerprint)}</code>`).join('<br>'))}
</dl></section>`,
  )
  return htmlPage({
    language: sheet.language,
    title: `${text('title')} · ${safeHtml(sheet.client)}`,
    style: STYLE,
    body: `<h1>${text('title')}</h1>
<p>${safeHtml(sheet.client)}</p>
<p>${text('lead')}</p>
<dl>
${row('to', safeHtml(sheet.to))}
${sheet.how === null ? '' : row('how', safeHtml(sheet.how))}
${row('date', `<code>${escapeHtml(sheet.date)}</code>`)}
</dl>
<h2>${text('files')}</h2>
${files.join('\n')}
<h2>${text('check')}</h2>
<p>${text('checkLead')}</p>
<pre>Windows: certutil -hashfile ${escapeHtml(quoted(name))} SHA256
macOS:   shasum -a 256 ${escapeHtml(quoted(name))}
Linux:   sha256sum ${escapeHtml(quoted(name))}</pre>
<p>${text('confirm')}</p>
<p>${text('receipt')}</p>
<pre>sha256sum ${escapeHtml(all)} &gt; receipt.txt
ssh-keygen -Y sign -f ~/.ssh/id_ed25519 -n ${escapeHtml(sheet.receiptNamespace)} receipt.txt</pre>
<h2>${text('open')}</h2>
<p>${text('openLead')}</p>
<p>${text('windows')}</p>
<pre>age -d -i key.txt -o backup.tar ${escapeHtml(quoted(name))}
tar -xf backup.tar</pre>
<p>${text('unix')}</p>
<pre>age -d -i key.txt ${escapeHtml(quoted(name))} | tar -x</pre>
${(['eml', 'mbox'] as const)
  .filter((form) => sheet.files.some((file) => file.form === form))
  .map((form) => `<p>${text(form)}</p>`)
  .join('\n')}
<p>${text('list')}</p>
<p>${text('chain')}</p>
<p>${text('verify')}</p>
<pre>sealpost backup verify --identity key.txt ${escapeHtml(all)}</pre>
<p><strong>${text('noKey')}</strong></p>
<p><small>${text('certificate')}: <code>${escapeHtml(sheet.certificateFingerprint)}</code><br>
<code>${escapeHtml(sheet.projectId)}</code></small></p>
${sheet.checkpoint === null ? '' : `<p><small>${text('checkpoint')}</small></p><pre>${escapeHtml(sheet.checkpoint)}</pre>`}`,
  })
}

/** A file's name as shells take it, PowerShell too. */
function quoted(name: string): string {
  return /^[\w.@+-]+$/.test(name) ? name : `'${name}'`
}
