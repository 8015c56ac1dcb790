import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format } from 'prettier'
import { countsOf, formsOf } from './counts.ts'
import { matrixOf } from './matrix-table.ts'
import { readResults, type FormReport, type KeptTally, type PairReport } from './tally.ts'

/**
 * `npm run test:report`: writes into docs/testing.md what the last runs of the long forms have come to, and says which
 * were not run: how often the program was killed and a fault struck, and what becomes of each hostile message and name
 * between each pair of servers.
 */
const DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'testing.md')
const BEGIN = '<!-- results: written by npm run test:report -->'
const END = '<!-- end of results -->'

/** The results as Markdown. */
export function reportOf(
  forms: readonly FormReport[],
  tallies: readonly KeptTally[],
  pairs: readonly PairReport[],
): string {
  return [
    '### What was run',
    formsOf(forms),
    '### Kills, faults, duplicates',
    countsOf(tallies),
    '### Every hostile message and name, between every pair of servers',
    matrixOf(pairs),
  ].join('\n\n')
}

/** The page with these results in the place of those that it had. */
export function withResults(page: string, results: string): string {
  const section = `${BEGIN}\n\n${results}\n\n${END}`
  const between = new RegExp(`${BEGIN}[^]*${END}`)
  return between.test(page)
    ? page.replace(between, () => section)
    : `${page}\n## What the long forms have come to\n\n${section}\n`
}

async function main(): Promise<void> {
  const results = reportOf(readResults('forms'), readResults('tallies'), readResults('matrix'))
  const page = withResults(readFileSync(DOCUMENT, 'utf8'), results)
  writeFileSync(DOCUMENT, await format(page, { parser: 'markdown', proseWrap: 'preserve' }))
}

if (process.argv[1] === import.meta.filename) await main()
