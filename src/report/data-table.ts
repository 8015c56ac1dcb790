/** A cell of a table for people's own programs. */
export type Cell = string | number | null

/** Rows under named columns. */
export interface DataTable {
  readonly name: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
}

/** What a spreadsheet would take for a formula. */
const FORMULA = /^[=+\-@\t\r]/

/**
 * RFC 4180, UTF-8 with a byte order mark, so that spreadsheets read its letters right. A text that would be taken for a
 * formula gets an apostrophe before it.
 */
export function tableToCsv({ columns, rows }: DataTable): string {
  return `\uFEFF${[columns, ...rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('')}`
}

/** The tables as sheets of one workbook (XLSX). Every text is a text: no cell is a formula. */
export async function tablesToXlsx(tables: readonly DataTable[]): Promise<Buffer> {
  // Imported where it is used: nothing else needs it.
  const { default: writeWorkbook } = await import('write-excel-file/node')
  const sheets = tables.map(({ name, columns, rows }) => ({
    sheet: name,
    columns: columns.map((_, column) => ({ width: widthOf(columns, rows, column) })),
    stickyRowsCount: 1,
    data: [
      columns.map((value) => ({ value, type: String, fontWeight: 'bold' as const })),
      ...rows.map((row) =>
        row.map((value) =>
          value === null
            ? null
            : typeof value === 'number'
              ? { value, type: Number }
              : { value: cutText(value), type: String },
        ),
      ),
    ],
  }))
  return writeWorkbook(sheets).toBuffer()
}

/** The most that one cell of a workbook holds. */
const MAX_CELL_CHARACTERS = 32_767

function cutText(text: string): string {
  return text.length <= MAX_CELL_CHARACTERS ? text : `${text.slice(0, MAX_CELL_CHARACTERS - 1)}…`
}

function csvCell(value: Cell): string {
  if (value === null) return ''
  const text = typeof value === 'string' && FORMULA.test(value) ? `'${value}` : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

function widthOf(columns: readonly string[], rows: DataTable['rows'], column: number): number {
  const lengths = [columns, ...rows].map((row) => String(row[column] ?? '').length)
  return Math.min(60, Math.max(8, ...lengths) + 2)
}
