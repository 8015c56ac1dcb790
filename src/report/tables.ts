/** A column: its heading, or with it whether numbers stand in it. */
export type Column = string | { readonly label: string; readonly number: true }

/** A table out of cells that are HTML already. Without columns the first cell of each row is its heading. */
export function tableOf(columns: readonly Column[], rows: readonly (readonly string[])[], style = ''): string {
  const isNumber = (index: number): boolean => typeof columns[index] === 'object'
  const heads = columns.map((column) =>
    typeof column === 'string' ? `<th>${column}</th>` : `<th class="number">${column.label}</th>`,
  )
  const lines = rows.map((row) => {
    const cells = row.map((cell, index) => {
      if (columns.length === 0 && index === 0) return `<th>${cell}</th>`
      const look = cell.startsWith('<svg') ? ' class="chart"' : isNumber(index) ? ' class="number"' : ''
      return `<td${look}>${cell}</td>`
    })
    return `<tr>${cells.join('')}</tr>`
  })
  const head = heads.length === 0 ? '' : `<thead><tr>${heads.join('')}</tr></thead>`
  return `<table${style === '' ? '' : ` class="${style}"`}>${head}<tbody>${lines.join('')}</tbody></table>`
}

/** A part of a page under its heading. */
export function section(heading: string, body: string, id = ''): string {
  return `<section${id === '' ? '' : ` id="${id}"`}><h2>${heading}</h2>\n${body}</section>`
}

const NUMBERS = new Intl.NumberFormat('en')

/** A number as people read it, the same in every language that these pages come in. */
export function formatNumber(value: number): string {
  return `<bdi>${NUMBERS.format(value)}</bdi>`
}

/** A size in the largest unit that leaves a digit before the point. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `<bdi dir="ltr">${NUMBERS.format(unit === 0 ? value : Number(value.toFixed(1)))} ${units[unit] ?? 'B'}</bdi>`
}
