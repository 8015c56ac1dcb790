import { Option } from 'commander'
import { SealpostError } from '../../core/errors.ts'
import { writePrivateFile } from '../../files/durable.ts'
import { tablesToXlsx, tableToCsv, type DataTable } from '../../report/data-table.ts'

/** What an export is written as. */
export type ExportFormat = 'json' | 'csv' | 'xlsx'

/** What commander leaves of the options of an export. */
export interface RawExport {
  readonly format?: ExportFormat
  readonly out?: string
}

const FORMATS: readonly ExportFormat[] = ['json', 'csv', 'xlsx']

/** `--format`. */
export function formatOption(): Option {
  return new Option('--format <format>', 'of the file (default: as its name ends, else json)').choices(FORMATS)
}

/** The format that was asked for, or that the file's name says. Throws `config` for a file without a name. */
export function formatOf({ format, out }: RawExport): ExportFormat {
  const ending = FORMATS.find((one) => out?.toLowerCase().endsWith(`.${one}`))
  const chosen = format ?? ending ?? 'json'
  if (out === undefined && chosen !== 'json') {
    throw new SealpostError('config', `--format ${chosen} needs a file`, { hint: '--out FILE', code: 'USAGE' })
  }
  return chosen
}

/**
 * Writes an export (mode 0600), with the tables as sheets of one workbook or, as CSV, each as a file of its own whose name
 * ends in the table's. Returns the files.
 */
export async function writeExport(
  out: string,
  format: ExportFormat,
  document: object,
  tables: readonly DataTable[],
): Promise<readonly string[]> {
  if (format === 'json') return write(out, Buffer.from(`${JSON.stringify(document, null, 2)}\n`, 'utf8'))
  if (format === 'xlsx') return write(out, await tablesToXlsx(tables))
  const files: string[] = []
  for (const [index, table] of tables.entries()) {
    const path = index === 0 ? out : `${out.replace(/\.csv$/i, '')}-${table.name}.csv`
    files.push(...(await write(path, Buffer.from(tableToCsv(table), 'utf8'))))
  }
  return files
}

async function write(path: string, bytes: Buffer): Promise<readonly string[]> {
  await writePrivateFile(path, bytes)
  return [path]
}
