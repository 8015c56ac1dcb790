import { Secret } from '../../../vault/secret.ts'
import { readHeader, widthProblem, type ColumnRules } from './csv-header.ts'
import { cellText, readCsvLines } from './csv-lines.ts'
import type { Problem } from './problems.ts'

/** One row of a credentials file. */
export interface ImportedCredential {
  /** `source/ACCOUNT` or `destination/ACCOUNT`, which `credential: per-account` looks up. */
  readonly name: string
  readonly username: string | null
  readonly secret: Secret
}

/** The good rows, whose secrets the caller wipes, and all that is wrong with the others. */
export interface CredentialReading {
  readonly credentials: readonly ImportedCredential[]
  readonly problems: readonly Problem[]
}

type Column = 'side' | 'account' | 'secret' | 'username'

const RULES: ColumnRules<Column> = {
  required: ['side', 'account', 'secret'],
  optional: ['username'],
  secretHint: null,
}

const SIDES = ['source', 'destination']

/** The name under which a credential of one account is kept. */
export function accountCredentialName(side: 'source' | 'destination', account: string): string {
  return `${side}/${account}`
}

/**
 * Reads rows of side, account, secret and perhaps username. Secrets are taken as they stand, blanks too; no message
 * repeats one. Never throws.
 */
export function readCredentials(file: string, content: Buffer): CredentialReading {
  const reading = readCsvLines(file, content)
  const problems = [...reading.problems]
  const [header, ...rows] = reading.lines
  const headless = header === undefined || problems.some((problem) => (problem.line ?? 0) < header.line)
  if (headless && problems.length > 0) return { credentials: [], problems }
  const columns = readHeader(file, header, RULES, problems)
  const credentials: ImportedCredential[] = []
  const lines = new Map<string, number>()
  for (const row of columns === null || header === undefined ? [] : rows) {
    const cell = (column: Column): Buffer | undefined => row.cells[columns?.get(column) ?? -1]
    const side = cellText(cell('side')).toLowerCase()
    const account = cellText(cell('account'))
    const secret = cell('secret')
    const name = `${side}/${account}`
    const first = lines.get(name)
    const wrong = [
      header === undefined ? null : widthProblem(header, row),
      SIDES.includes(side) ? null : 'side must be source or destination',
      account === '' ? 'account is empty' : null,
      /\p{C}/u.test(account) ? 'account holds invisible or control characters' : null,
      secret === undefined || secret.length === 0 ? 'secret is empty' : null,
      first === undefined ? null : `${name}: line ${first} has it already`,
    ].filter((message) => message !== null)
    lines.set(name, first ?? row.line)
    for (const message of wrong.slice(0, 1))
      problems.push({ file, line: row.line, column: null, message, hint: null })
    if (wrong.length > 0 || secret === undefined) continue
    credentials.push({ name, username: cellText(cell('username')) || null, secret: Secret.fromBytes(secret) })
  }
  for (const { cells } of reading.lines) for (const cell of cells) cell.fill(0)
  return { credentials, problems: problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)) }
}
