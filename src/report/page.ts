import { cspHash } from './html.ts'
import { directionOf, type Language } from './intake-words.ts'

/** One self-contained page for clients. */
export interface HtmlPage {
  readonly language: Language
  /** HTML, escaped already. */
  readonly title: string
  readonly style: string
  /** A script that runs in it, or null; nothing else does. */
  readonly script?: string
  /** It holds images as `data:` addresses; no others are shown. */
  readonly hasImages?: boolean
  /** HTML, escaped already. */
  readonly body: string
}

/** How pages for clients look, on a screen and on paper. Colours are never the only sign. */
export const HOUSE_STYLE = `
@page { size: A4; margin: 18mm 16mm; }
* { box-sizing: border-box; }
body { font: 11pt/1.45 "Noto Sans", "Noto Naskh Arabic", "Segoe UI", Tahoma, "DejaVu Sans", sans-serif; color: #1a1a1a; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
header { border-block-end: 3px solid #1f4e5f; margin-block-end: 1.2rem; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; color: #1f4e5f; }
h2 { font-size: 1.05rem; margin: 1.5rem 0 .4rem; color: #1f4e5f; border-block-end: 1px solid #c8d4d9; break-after: avoid; }
h3 { font-size: .95rem; margin: .9rem 0 .3rem; break-after: avoid; }
.note { background: #fff6e0; border: 1px solid #e2c36b; padding: .5rem .8rem; border-radius: 4px; }
.key { font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; font-size: .9em; overflow-wrap: anywhere; direction: ltr; unicode-bidi: isolate; }
table { border-collapse: collapse; width: 100%; margin: .3rem 0 .6rem; font-size: .92em; }
th, td { text-align: start; vertical-align: top; padding: .22rem .45rem; border: 1px solid #d5dde0; overflow-wrap: break-word; }
.long { overflow-wrap: anywhere; }
th { background: #eef3f5; font-weight: 600; }
table.facts th { width: 34%; }
tr { break-inside: avoid; }
.adverse { color: #8a2b0c; font-weight: 600; }
.value { unicode-bidi: plaintext; }
@media screen and (max-width: 45rem) { table { display: block; overflow-x: auto; } }
footer { margin-block-start: 2rem; font-size: .85em; color: #555; border-block-start: 1px solid #c8d4d9; padding-block-start: .5rem; }
`

/** The page around a body: it loads nothing, and its own policy allows its style and its script and nothing else. */
export function htmlPage({ language, title, style, script, hasImages, body }: HtmlPage): string {
  const code = script?.replace(/<\/(script)/gi, '<\\/$1')
  const policy = [
    "default-src 'none'",
    ...(code === undefined ? [] : [`script-src ${cspHash(code)}`]),
    `style-src ${cspHash(style)}`,
    ...(hasImages === true ? ['img-src data:'] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  return `<!doctype html>
<html lang="${language}" dir="${directionOf(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
${body}
${code === undefined ? '' : `<script>${code}</script>\n`}</body>
</html>
`
}
