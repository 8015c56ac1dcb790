import { escapeHtml } from './html.ts'

/** A part of a bar. `look` is one of the patterns below, which differ without colours too. */
export interface BarPart {
  readonly label: string
  readonly value: number
  readonly look: BarLook
}

/** How a part looks. */
export type BarLook = 'good' | 'other' | 'quiet' | 'faint' | 'open' | 'bad'

const FILL: Readonly<Record<BarLook, string>> = {
  good: '#1f6f5c',
  other: '#4d8fb8',
  quiet: '#a3b0b6',
  faint: '#dfe6e9',
  open: 'url(#dots)',
  bad: 'url(#hatch)',
}

const WIDTH = 600
const HEIGHT = 14

/** Rules for pages with bars: they grow from where a line begins. */
export const BAR_STYLE = `
svg.bar { display: block; width: 100%; height: 14px; } [dir=rtl] svg.bar { transform: scaleX(-1); }
svg.swatch { width: 12px; height: 12px; vertical-align: -1px; margin-inline-end: .3rem; } svg.defs { position: absolute; width: 0; height: 0; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; list-style: none; font-size: .92em; }
td.chart { width: 45%; vertical-align: middle; } td.number, th.number { text-align: end; white-space: nowrap; font-variant-numeric: tabular-nums; }
`

/** Stands once in a page with bars: the patterns of what went wrong, and of what is still open. */
export const BAR_DEFINITIONS = `<svg class="defs" aria-hidden="true"><defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" fill="#f3d9cf"/><rect width="3" height="6" fill="#b3431c"/></pattern><pattern id="dots" width="6" height="6" patternUnits="userSpaceOnUse"><rect width="6" height="6" fill="#f4efd9"/><circle cx="3" cy="3" r="1.6" fill="#8a6d1f"/></pattern></defs></svg>`

/** One bar as inline SVG: parts one after the other, each as wide as its share of `whole`. What is not nothing can be seen. */
export function bar(parts: readonly BarPart[], whole: number): string {
  let x = 0
  const label = parts.map((part) => `${part.label} ${part.value}`).join(', ')
  const rects = parts
    .filter(({ value }) => value > 0)
    .map(({ value, look }) => {
      const width = Math.min(WIDTH - x, Math.max(2, whole === 0 ? 0 : (value / whole) * WIDTH))
      const rect = `<rect x="${round(x)}" y="0" width="${round(width)}" height="${HEIGHT}" fill="${FILL[look]}"/>`
      x += width
      return rect
    })
  return `<svg class="bar" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${escapeHtml(label)}">${rects.join('')}</svg>`
}

/** What the looks of a bar stand for, each with its number. */
export function legend(parts: readonly BarPart[], format: (value: number) => string): string {
  const items = parts.map(
    ({ label, value, look }) =>
      `<li><svg class="swatch" viewBox="0 0 12 12" aria-hidden="true"><rect width="12" height="12" fill="${FILL[look]}"/></svg>${escapeHtml(label)}: ${format(value)}</li>`,
  )
  return `<ul class="legend">${items.join('')}</ul>`
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
