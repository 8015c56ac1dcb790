import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CaseResult } from '../matrix/judge.ts'
import { RESULTS, type Tally } from './tally.ts'

/**
 * `npm run test:report`: writes into docs/testing.md what the last runs of `npm run test:long` have come to: how often
 * the program was killed and a fault struck, and the table of what becomes of each hostile message and name between
 * each pair of servers. A case that arrives unchanged everywhere is only counted.
 */
const DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'testing.md')
const MATRIX = join(RESULTS, 'matrix')
const TALLIES = join(RESULTS, 'tallies')
const BEGIN = '<!-- results: written by npm run test:report -->'
const END = '<!-- end of results -->'

/** What one pair of servers came to. */
export interface PairReport {
  readonly from: string
  readonly to: string
  readonly results: readonly (readonly [string, CaseResult])[]
  readonly renamed: readonly string[]
}

/** Writes a pair's results down for the report. */
export function writePair(report: PairReport): void {
  mkdirSync(MATRIX, { recursive: true })
  const name = `${report.from} to ${report.to}`.replace(/[^A-Za-z0-9]+/g, '-')
  writeFileSync(join(MATRIX, `${name}.json`), JSON.stringify(report, null, 1))
}

/** The report as Markdown: one table, a row a case, a column a destination. */
export function tableOf(pairs: readonly PairReport[]): string {
  const destinations = [...new Set(pairs.map(({ to }) => to))]
  const cases = [...new Set(pairs.flatMap(({ results }) => results.map(([name]) => name)))]
  const cell = (name: string, to: string): string => {
    const words = new Map<string, string[]>()
    for (const pair of pairs.filter((each) => each.to === to)) {
      const result = pair.results.find(([each]) => each === name)?.[1]
      if (result === undefined || result.kind === 'untaken') continue
      words.set(inWords(result), [...(words.get(inWords(result)) ?? []), pair.from])
    }
    if (words.size === 0) return '–'
    if (words.size === 1) return [...words.keys()].join('')
    return [...words].map(([word, from]) => `${word} (from ${from.join(', ')})`).join('; ')
  }
  const rows = cases.map((name) => ({ name, cells: destinations.map((to) => cell(name, to)) }))
  const plain = rows.filter(({ cells }) => cells.every((text) => text === 'same'))
  const other = rows.filter((row) => !plain.includes(row))
  const untaken = new Map<string, Set<string>>()
  for (const { from, results } of pairs) {
    for (const [name, { kind }] of results) {
      if (kind === 'untaken') untaken.set(from, (untaken.get(from) ?? new Set()).add(name))
    }
  }
  return [
    `${pairs.length} ordered pairs of servers, ${cases.length} cases each; ${plain.length} cases arrive the same everywhere. The others, by destination:`,
    '',
    `| case | ${destinations.join(' | ')} |`,
    `|---|${destinations.map(() => '---|').join('')}`,
    ...other.map(({ name, cells }) => `| ${escape(name)} | ${cells.map(escape).join(' | ')} |`),
    '',
    '`altered` names what verify says of it: a rule that explains it, or `open` where content was lost, which blocks sign-off until it is accepted.',
    '`refused` quotes the server; the message is an exception. `–`: no source took it, so that it cannot be moved.',
    '',
    'Cases that a server does not take in the first place, and that are therefore not moved from it:',
    '',
    ...[...untaken].map(([from, names]) => `- ${from}: ${[...names].join(', ')}`),
  ].join('\n')
}

function inWords(result: Exclude<CaseResult, { kind: 'untaken' }>): string {
  if (result.kind === 'same') return 'same'
  if (result.kind === 'altered') return `altered: ${result.how}`
  // Dovecot adds how long it took.
  return `refused: ${result.why.replace(/ \([\d.+ ]+secs\)/, '')}`
}

function escape(text: string): string {
  return text.replace(/[|\\<>*_`]/g, '\\$&')
}

/** What was done to the program, and what came of it, as Markdown. */
export function countsOf(tallies: readonly Tally[]): string {
  const sum = (key: Exclude<keyof Tally, 'note'>): string =>
    String(tallies.reduce((total, tally) => total + (tally[key] ?? 0), 0)).replace(/\B(?=(\d{3})+$)/g, ',')
  return [
    '| what | how often |',
    '|---|---|',
    `| the program killed with SIGKILL while it worked | ${sum('kills')} |`,
    `| a run ended at a durable step, as a kill would | ${sum('steps')} |`,
    `| faults of the network, a server or the disk that struck | ${sum('faults')} |`,
    `| messages compared afterwards, byte by byte, with flags and dates | ${sum('compared')} |`,
    `| of these lost | ${sum('lost')} |`,
    `| of these there twice | ${sum('duplicates')} |`,
    '',
    ...tallies.flatMap(({ note }) => (note === undefined ? [] : [`Measured: ${note}.`])),
  ].join('\n')
}

function readAll<T>(folder: string): T[] {
  const names = existsSync(folder) ? readdirSync(folder).sort() : []
  return names.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as T)
}

function main(): void {
  const sections = [
    '### Kills, faults, duplicates',
    countsOf(readAll<Tally>(TALLIES)),
    '### Every hostile message and name, between every pair of servers',
    tableOf(readAll<PairReport>(MATRIX)),
  ]
  const section = `${BEGIN}\n\n${sections.join('\n\n')}\n\n${END}`
  const text = readFileSync(DOCUMENT, 'utf8')
  const between = new RegExp(`${BEGIN}[^]*${END}`)
  const written = between.test(text)
    ? text.replace(between, () => section)
    : `${text}\n## What the long forms have come to\n\n${section}\n`
  writeFileSync(DOCUMENT, written)
}

if (process.argv[1] === import.meta.filename) main()
