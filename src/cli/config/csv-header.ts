import { counted } from '../../core/counted.ts'
import { cellText, type CsvLine } from './csv-lines.ts'
import { didYouMean } from './did-you-mean.ts'
import type { Problem } from './problems.ts'

/** What the columns of a file may be. */
export interface ColumnRules<Column extends string> {
  readonly required: readonly Column[]
  readonly optional: readonly Column[]
  /** Said of an unknown column that looks like a secret; null where secrets are expected. */
  readonly secretHint: string | null
}

/** As spreadsheets write where the comma is the decimal mark, and what is copied out of them. */
const FOREIGN_SEPARATORS = [
  [';', 'semicolons'],
  ['\t', 'tabs'],
] as const

const SECRET_COLUMN = /pass|secret|token|pwd|^pw$/i

/** Where each column stands; what is wrong with the header goes to `problems`. Null when the rows cannot be read. */
export function readHeader<Column extends string>(
  file: string,
  header: CsvLine | undefined,
  rules: ColumnRules<Column>,
  problems: Problem[],
): ReadonlyMap<Column, number> | null {
  const known = [...rules.required, ...rules.optional]
  const expected = `the first line must be ${rules.required.join(',')}`
  const add = (message: string, hint: string | null): void => {
    problems.push({ file, line: header?.line ?? 1, column: null, message, hint })
  }
  if (header === undefined) {
    add('the file is empty', expected)
    return null
  }
  const names = header.cells.map((cell) => cellText(cell).toLowerCase())
  const foreign = names.length === 1 ? FOREIGN_SEPARATORS.find(([mark]) => names[0]?.includes(mark)) : undefined
  if (foreign !== undefined) {
    add(`the columns are separated by ${foreign[1]}`, 'separate them with commas')
    return null
  }
  const columns = new Map<Column, number>()
  const isColumn = (name: string): name is Column => known.some((column) => column === name)
  if (!names.some(isColumn)) {
    // Without a header the first row may hold anything, secrets too: nothing of it is repeated.
    add('the header is missing', expected)
    return null
  }
  for (const [index, name] of names.entries()) {
    if (!isColumn(name)) {
      if (name === '') add(`column ${index + 1} has no name`, `known here: ${known.join(', ')}`)
      else if (rules.secretHint !== null && SECRET_COLUMN.test(name))
        add(`column "${name}": secrets do not belong into this file`, rules.secretHint)
      else add(`unknown column "${name}"`, suggest(name, known))
    } else if (columns.has(name)) add(`column "${name}" stands here twice`, null)
    else columns.set(name, index)
  }
  const missing = rules.required.filter((column) => !columns.has(column))
  for (const column of missing) add(`column "${column}" is missing`, expected)
  return missing.length === 0 ? columns : null
}

/** What is wrong with the number of cells of a row; null when it fits the header. */
export function widthProblem(header: CsvLine, row: CsvLine): string | null {
  if (row.cells.length === header.cells.length) return null
  return `${counted(row.cells.length, 'cell')}, and the header has ${header.cells.length}`
}

function suggest(name: string, known: readonly string[]): string {
  const meant = didYouMean(name, known)
  return meant === null ? `known here: ${known.join(', ')}` : `did you mean "${meant}"?`
}
