import { parse } from 'csv-parse/sync'
import type { Problem } from './problems.ts'

/** One line of a CSV file; `cells` are copies that the caller may wipe. */
export interface CsvLine {
  readonly line: number
  readonly cells: readonly Buffer[]
}

/** A CSV file that was read, and what is wrong with single lines of it. */
export interface CsvReading {
  readonly lines: readonly CsvLine[]
  readonly problems: readonly Problem[]
}

const LF = 0x0a
const CR = 0x0d
const BOM = Buffer.from([0xef, 0xbb, 0xbf])
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads comma-separated lines (RFC 4180, but that no cell holds a line end) of any line-end convention, with or without
 * a byte order mark. Each line is parsed alone, so that a stray quote spoils its own line and not the rest of the file.
 * Cells are bytes, never strings: they may hold secrets. No message repeats what a cell holds.
 */
export function readCsvLines(file: string, content: Buffer): CsvReading {
  const problemAt = (line: number, message: string, hint: string | null = null): Problem => ({
    file,
    line,
    column: null,
    message,
    hint,
  })
  if (content[0] === 0xff || content[0] === 0xfe || content.includes(0)) {
    const hint = 'save it as "CSV UTF-8"'
    return { lines: [], problems: [problemAt(1, 'the file is not UTF-8 text', hint)] }
  }
  const lines: CsvLine[] = []
  const problems: Problem[] = []
  for (const { line, bytes } of splitLines(content.subarray(content.indexOf(BOM) === 0 ? BOM.length : 0))) {
    if (isBlank(bytes)) continue
    if (!isText(bytes)) {
      problems.push(problemAt(line, 'the line is not UTF-8 text', 'save the file as "CSV UTF-8"'))
      continue
    }
    const cells = parseLine(bytes)
    if (cells === null)
      problems.push(problemAt(line, 'a quote is out of place', 'a quote within a cell is written twice'))
    else lines.push({ line, cells })
  }
  return { lines, problems }
}

/** The text of a cell that is no secret, without the blanks around it. */
export function cellText(cell: Buffer | undefined): string {
  return cell === undefined ? '' : cell.toString('utf8').trim()
}

function parseLine(bytes: Buffer): readonly Buffer[] | null {
  try {
    const rows = parse(bytes, { encoding: null, relax_column_count: true, record_delimiter: '\n' })
    const row: unknown = rows[0]
    return Array.isArray(row) && row.every((cell) => Buffer.isBuffer(cell)) ? row : null
  } catch {
    return null
  }
}

function* splitLines(content: Buffer): Generator<{ readonly line: number; readonly bytes: Buffer }> {
  let start = 0
  let line = 1
  for (let i = 0; i < content.length; i++) {
    if (content[i] !== LF && content[i] !== CR) continue
    yield { line, bytes: content.subarray(start, i) }
    if (content[i] === CR && content[i + 1] === LF) i++
    start = i + 1
    line++
  }
  if (start < content.length) yield { line, bytes: content.subarray(start) }
}

/** Nothing but blanks and commas: a row that was emptied in a spreadsheet. */
function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x2c)
}

function isText(bytes: Buffer): boolean {
  try {
    decoder.decode(bytes)
    return true
  } catch {
    return false
  }
}
