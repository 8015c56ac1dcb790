import { escapeHtml, jsonForScript, safeHtml } from './html.ts'
import { INTAKE_WORDS, type Language } from './intake-words.ts'
import { htmlPage } from './page.ts'

/** What an intake page says and seals to. */
export interface IntakePage {
  readonly client: string
  readonly projectId: string
  readonly recipient: string
  /** RFC 3339. */
  readonly expires: string
  /** Good once. */
  readonly number: string
  /** Fingerprint of the key that the deletion certificate will be signed with. */
  readonly certificateFingerprint: string
  readonly language: Language
  /** A `data:` URL of the client's logo, or null. */
  readonly logo: string | null
  /** Signed checkpoint of the audit log, which the client's copy keeps out of our hands; null where there is none. */
  readonly checkpoint: string | null
}

const STYLE = `
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere }
h1 { font-size: 1.5rem } img { max-height: 4rem; max-width: 16rem }
code, textarea, pre { font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere } pre { white-space: pre-wrap } code { direction: ltr; unicode-bidi: embed }
.note { border-inline-start: 4px solid #c60; padding: .5rem 1rem; margin: 1rem 0 }
.line { display: grid; grid-template-columns: 1fr 2fr; gap: .25rem .75rem; border: 1px solid #8888; border-radius: .5rem; padding: .75rem; margin: .75rem 0 }
input, select, textarea { width: 100%; box-sizing: border-box; padding: .4rem } button { padding: .5rem 1rem; margin: .25rem 0 }
textarea { height: 14rem; direction: ltr } #message { min-height: 1.5rem; font-weight: 600 }
`

/**
 * One self-contained page in which a client seals access details to the project. It loads nothing and may connect to
 * nothing: its own policy forbids it. `script` is the bundled vault/browser/intake.ts.
 */
export function intakePageHtml(page: IntakePage, script: string): string {
  const words = INTAKE_WORDS[page.language]
  const text = (key: keyof typeof words): string => escapeHtml(words[key])
  const data = jsonForScript({
    project: page.projectId,
    recipient: page.recipient,
    expires: page.expires,
    number: page.number,
    words,
  })
  const logo = page.logo === null ? '' : `<img src="${escapeHtml(page.logo)}" alt="">`
  const field = (name: string, label: keyof typeof words, type: string): string =>
    `<label>${text(label)}</label><input name="${name}" type="${type}" autocomplete="off" spellcheck="false" dir="ltr">`
  const body = `${logo}
<h1>${text('title')}</h1>
<p>${safeHtml(page.client)}</p>
<p>${text('lead')}</p>
<div class="note">
<p>${text('check')}</p>
<p>${text('recipient')}: <code>${escapeHtml(page.recipient)}</code></p>
<p>${text('expires')}: <code>${escapeHtml(page.expires)}</code></p>
<p>${text('checkHow')}</p>
<p>Linux: <code>sha256sum FILE</code><br>macOS: <code>shasum -a 256 FILE</code><br>Windows: <code>certutil -hashfile FILE SHA256</code></p>
</div>
<div id="rows"></div>
<template id="row"><div class="line">
<label>${text('side')}</label><select name="side"><option value="source">${text('source')}</option><option value="destination">${text('destination')}</option></select>
${field('account', 'account', 'text')}
${field('username', 'username', 'text')}
${field('secret', 'secret', 'password')}
<span></span><button type="button" class="remove">${text('remove')}</button>
</div></template>
<button type="button" id="add">${text('add')}</button>
<p><label>${text('file')}<input type="file" id="file"></label> <span id="file-name"></span></p>
<button type="button" id="seal">${text('seal')}</button>
<p id="message" role="status"></p>
<div id="done" hidden>
<p>${text('send')}</p>
<textarea id="result" readonly></textarea>
<button type="button" id="copy">${text('copy')}</button>
<button type="button" id="save">${text('save')}</button>
</div>
<p>${text('withoutPage')} <code>age -a -r ${escapeHtml(page.recipient)} -o access.age access.csv</code></p>
<p><small>${escapeHtml(page.projectId)} · <code>${escapeHtml(page.certificateFingerprint)}</code></small></p>
${page.checkpoint === null ? '' : `<pre dir="ltr">${escapeHtml(page.checkpoint)}</pre>`}
<script type="application/json" id="page-data">${data}</script>`
  const title = `${text('title')} · ${safeHtml(page.client)}`
  return htmlPage({ language: page.language, title, style: STYLE, script, hasImages: true, body })
}
