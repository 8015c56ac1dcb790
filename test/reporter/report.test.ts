import { describe, expect, it } from 'vitest'
import type { CaseResult } from '../matrix/judge.ts'
import { countsOf, formsOf } from './counts.ts'
import { matrixOf } from './matrix-table.ts'
import { reportOf, withResults } from './report.ts'
import type { KeptTally, PairReport } from './tally.ts'

const SAME: CaseResult = { kind: 'same' }
const refused = (why: string): CaseResult => ({ kind: 'refused', why })
const KEYWORDS = [3, 4, 5].map((n) => `keyword ${n} of 40`)

function pair(from: string, to: string, results: Record<string, CaseResult>, wrong: string[] = []): PairReport {
  return { from, to, on: '2026-01-02', results: Object.entries(results), renamed: [], wrong }
}

function tally(what: string, isWhole: boolean, more: Partial<KeptTally>): KeptTally {
  return { what, isWhole, on: isWhole ? '2026-01-02' : '2026-01-03', ...more }
}

function row(table: string, first: string): string {
  return table.split('\n').find((line) => line.startsWith(`| ${first}`)) ?? ''
}

describe('the table of the matrix', () => {
  const lost: CaseResult = { kind: 'altered', how: 'flags: keyword' }
  const flags = Object.fromEntries(KEYWORDS.map((name) => [name, lost]))
  const plain = Object.fromEntries(KEYWORDS.map((name) => [name, SAME]))
  const table = matrixOf([
    pair('A', 'B', {
      ...flags,
      empty: { kind: 'untaken', why: 'no (0.001 + 0.000 secs).' },
      NUL: SAME,
      plain: SAME,
    }),
    pair('C', 'B', { ...flags, empty: refused('NO [X] a|b'), NUL: refused('no NUL'), plain: SAME }),
    pair('C', 'A', { ...plain, empty: SAME, NUL: SAME, plain: SAME }),
  ])

  it('puts cases of one fate into one row, and names of a series into a range', () => {
    expect(row(table, 'keyword')).toBe('| keyword 3 to 5 of 40 | same | altered: flags: keyword |')
  })

  it('says what differs by the source, quotes the server, and leaves no cell broken', () => {
    expect(row(table, 'NUL')).toBe('| NUL | same | same (from A); refused: no NUL (from C) |')
    expect(row(table, 'empty')).toBe('| empty | same | refused: NO \\[X\\] a\\|b |')
  })

  it('counts each pair, and says which were not run', () => {
    expect(row(table, 'A |')).toBe('| A | not run | 2 / 3 / 0 / 1 |')
    expect(row(table, 'C |')).toBe('| C | 6 / 0 / 0 / 0 | 1 / 3 / 2 / 0 |')
  })

  it('names what is the same everywhere, and what a server did not take', () => {
    expect(table).toContain('The same everywhere (1): plain.')
    expect(table).toContain('- A: empty (no.)')
  })

  it('names mailboxes that went under another name, however long', () => {
    const renamed = ['a.b → a_b', `${'y'.repeat(240)} → ${'y'.repeat(199)}~1`]
    const one = { ...pair('A', 'B', { plain: SAME }), renamed }
    expect(matrixOf([one, { ...one, to: 'C' }])).toContain(
      'printed it (between so many pairs): a.b → a\\_b (2); yyy… → yyy…\\~1 (2).',
    )
  })

  it('does not keep quiet about what went wrong', () => {
    expect(matrixOf([pair('A', 'B', { plain: SAME }, ['2 messages instead of 1'])])).toContain(
      '1 things went wrong',
    )
  })
})

describe('the counts', () => {
  it('are those of the whole, even where a share was run later', () => {
    const table = countsOf([
      tally('crash', true, { kills: 60, compared: 1_200, lost: 0, duplicates: 0 }),
      tally('crash', false, { kills: 4 }),
      tally('faults', false, { faults: 12, note: 'slow' }),
    ])
    expect(row(table, 'crash')).toBe('| crash, whole (2026-01-02) | 60 | – | – | 1,200 | 0 | 0 |')
    expect(row(table, 'faults')).toBe('| faults, the share of `npm test` (2026-01-03) | – | – | 12 | – | – | – |')
    expect(row(table, '**all**')).toBe('| **all** | 60 | – | 12 | 1,200 | 0 | 0 |')
    expect(table).toContain('- 2026-01-03: slow')
  })

  it('say which forms were run, and that one failed', () => {
    const table = formsOf([
      { form: 'crash', on: '2026-01-02', minutes: 40, together: ['crash', 'matrix'], hasPassed: true },
      { form: 'matrix', on: '2026-01-02', minutes: 40, together: ['crash', 'matrix'], hasPassed: false },
    ])
    expect(row(table, '`test:crash`')).toBe('| `test:crash` | 2026-01-02, 40 min for 2 forms together | passed |')
    expect(row(table, '`test:matrix`')).toContain('**failed**')
    expect(row(table, '`test:faults`')).toBe('| `test:faults` | not run whole | – |')
  })
})

it('the page keeps what is around the results, however often they are written', () => {
  const results = reportOf([], [], [])
  const once = withResults('# Page\n', results)
  expect(once).toContain('# Page\n\n## What the long forms have come to\n')
  expect(withResults(once, results)).toBe(once)
  expect(withResults(`${once}after\n`, 'costs $& and $1')).toMatch(/costs \$& and \$1[^]*\nafter\n$/)
})
