/** An area of the tree, the folders of ours it may import besides itself, and where that stands in docs/design.md. */
export interface Area {
  readonly folder: string
  readonly mayImport: readonly string[]
}

/** Section 3 of docs/design.md as a table. A file that lies in none of these folders breaks the rules. */
export const AREAS: readonly Area[] = [
  { folder: 'src/core', mayImport: [] },
  { folder: 'src/sqlite', mayImport: ['src/core'] },
  { folder: 'src/files', mayImport: ['src/core'] },
  { folder: 'src/audit', mayImport: ['src/core', 'src/files'] },
  { folder: 'src/ledger', mayImport: ['src/core', 'src/sqlite'] },
  { folder: 'src/records', mayImport: ['src/audit', 'src/core', 'src/files', 'src/sqlite'] },
  { folder: 'src/spool', mayImport: ['src/core', 'src/files'] },
  { folder: 'src/engine', mayImport: ['src/core'] },
  { folder: 'src/verify', mayImport: ['src/core'] },
  { folder: 'src/signoff', mayImport: ['src/core', 'src/files'] },
  { folder: 'src/report', mayImport: ['src/core'] },
  { folder: 'src/cli', mayImport: ['src', 'connectors', 'vault'] },
  { folder: 'connectors/shared', mayImport: ['src/core'] },
  ...['archive', 'gmail', 'graph', 'imap', 'maildir', 'mbox', 'memory', 'presets'].map((name) => ({
    folder: `connectors/${name}`,
    mayImport: ['src/core', 'src/files', 'connectors/shared'],
  })),
  { folder: 'vault', mayImport: ['src/core', 'src/files'] },
]

/** The one folder in which each npm package may be imported. */
export const PACKAGE_HOMES: ReadonlyMap<string, string> = new Map([
  ['better-sqlite3', 'src/sqlite'],
  ['libsodium-wrappers-sumo', 'vault'],
  ['age-encryption', 'vault'],
  ['otpauth', 'vault'],
  ['p-queue', 'src/engine'],
  ['yaml', 'src/cli'],
  ['zod', 'src/cli'],
  ['csv-parse', 'src/cli'],
  ['commander', 'src/cli'],
  ['dns-packet', 'src/cli'],
  ['env-paths', 'src/cli'],
  ['pino', 'src/cli'],
  ['ink', 'src/cli'],
  ['react', 'src/cli'],
  ['write-excel-file', 'src/report'],
  ['tar-stream', 'connectors/archive'],
  ['@azure/msal-node', 'connectors/shared'],
  ['google-auth-library', 'connectors/shared'],
  ['@googleapis/gmail', 'connectors/gmail'],
  ['@microsoft/microsoft-graph-client', 'connectors/graph'],
])

/** Node's modules that do no input or output: all that src/core may use. */
export const PURE_BUILTINS: readonly string[] = ['node:buffer', 'node:crypto', 'node:util']

/** The only file that knows the time (invariant 9). */
export const CLOCK = 'src/core/clock.ts'

/** The only folder that reads the environment and ends the process. */
export const COMPOSITION_ROOT = 'src/cli'

/** Where SQL may stand. */
export const SQL_HOMES: readonly string[] = ['src/ledger', 'src/records']

/** Where a database is opened: PRAGMAs, and a look at whether it opens at all, but no tables. */
export const PRAGMA_HOME = 'src/sqlite'

/** Longer files need a line in docs/decisions that names them. */
export const MAX_LINES = 400
