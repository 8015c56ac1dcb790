import { readHeader, widthProblem, type ColumnRules } from './csv-header.ts'
import { cellText, readCsvLines } from './csv-lines.ts'
import type { Problem } from './problems.ts'

/** One row of mailboxes.csv: a source account and the destination account that its mail goes to. */
export interface AccountPair {
  readonly source: string
  readonly destination: string
  /** Credentials of their own, instead of those that project.yaml names. */
  readonly sourceCredential: string | null
  readonly destinationCredential: string | null
  /** The wave that it is moved with, or null. */
  readonly wave: string | null
  readonly line: number
}

/** What came of reading mailboxes.csv: the rows that are good, and all that is wrong with the others. */
export interface AccountReading {
  readonly pairs: readonly AccountPair[]
  readonly problems: readonly Problem[]
}

type Column = 'source' | 'destination' | 'source_credential' | 'destination_credential' | 'wave' | 'kind' | 'bytes'

const RULES: ColumnRules<Column> = {
  required: ['source', 'destination'],
  // What `mailboxes list` says of an account is for whoever reads the file.
  optional: ['source_credential', 'destination_credential', 'wave', 'kind', 'bytes'],
  secretHint: 'take the column out, and use `sealpost credentials import`',
}

const MAX_ACCOUNT_CHARACTERS = 320
/** A name that goes into the audit log as it is, and onto command lines without quotes. */
const WAVE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/

/** As mail programs and word processors copy an address: a link, a name with the address behind it, typographic quotes. */
const DECORATED = /^mailto:|<[^<>]+@[^<>]+>|^[“”„‟«‘‚'].*[”“»’‘']$/iu

/** The header that `init` writes. */
export const MAILBOXES_HEADER = 'source,destination\n'

/** Reads mailboxes.csv and checks each row, all in one pass; `file` is its name in messages. Never throws. */
export function readAccounts(file: string, content: Buffer): AccountReading {
  const reading = readCsvLines(file, content)
  const problems = [...reading.problems]
  const [header, ...rows] = reading.lines
  // The header itself could not be read: the first good line is none.
  const headless = header === undefined || problems.some((problem) => (problem.line ?? 0) < header.line)
  if (headless && problems.length > 0) return { pairs: [], problems }
  const columns = readHeader(file, header, RULES, problems)
  if (columns === null || header === undefined) return { pairs: [], problems }
  const pairs: AccountPair[] = []
  for (const row of rows) {
    const wrong = (message: string, hint: string | null = null): void => {
      problems.push({ file, line: row.line, column: null, message, hint })
    }
    const text = (column: Column): string => cellText(row.cells[columns.get(column) ?? -1])
    const width = widthProblem(header, row)
    if (width !== null) {
      wrong(width)
      continue
    }
    const bad: string[] = (['source', 'destination'] as const).flatMap((column) =>
      accountProblem(column, text(column)),
    )
    const wave = text('wave')
    if (wave !== '' && !WAVE.test(wave)) bad.push(`wave is no name such as pilot or wave-1`)
    for (const message of bad) wrong(message)
    if (bad.length > 0) continue
    pairs.push({
      source: text('source'),
      destination: text('destination'),
      sourceCredential: text('source_credential') || null,
      destinationCredential: text('destination_credential') || null,
      wave: wave || null,
      line: row.line,
    })
  }
  return { pairs, problems: problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)) }
}

function accountProblem(column: string, account: string): readonly string[] {
  if (account === '') return [`${column} is empty`]
  if (/[\p{C}\p{Zl}\p{Zp}]/u.test(account)) return [`${column} holds invisible or control characters`]
  return account.length > MAX_ACCOUNT_CHARACTERS
    ? [`${column} is longer than ${MAX_ACCOUNT_CHARACTERS} characters`]
    : DECORATED.test(account)
      ? [`${column} is more than an account: write its name alone, as in anna@example.com`]
      : []
}
