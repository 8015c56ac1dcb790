import { LONG_FORMS } from '../long.ts'
import type { FormReport, KeptTally, Tally } from './tally.ts'

type Count = Exclude<keyof Tally, 'note'>

const COLUMNS: readonly (readonly [string, Count])[] = [
  ['killed (SIGKILL)', 'kills'],
  ['ended at a durable step', 'steps'],
  ['faults that struck', 'faults'],
  ['messages compared', 'compared'],
  ['lost', 'lost'],
  ['there twice', 'duplicates'],
]

/** Which of the long forms were run whole, when, and how they went. */
export function formsOf(reports: readonly FormReport[]): string {
  const rows = LONG_FORMS.map((form) => {
    const report = reports.find((each) => each.form === form)
    if (report === undefined) return `| \`test:${form}\` | not run whole | – |`
    const { on, minutes, together, hasPassed } = report
    const others = together.length > 1 ? ` for ${together.length} forms together` : ''
    return `| \`test:${form}\` | ${on}, ${minutes} min${others} | ${hasPassed ? 'passed' : '**failed**'} |`
  })
  return ['| form | run | outcome |', '|---|---|---|', ...rows].join('\n')
}

/** What was done to the program and what came of it: a row a suite, their sum, and what was measured. */
export function countsOf(all: readonly KeptTally[]): string {
  if (all.length === 0) return 'Nothing was run.'
  const suites = [...new Set(all.map(({ what }) => what))].map((what) => {
    const kept = all.filter((tally) => tally.what === what)
    // A share that was run later does not count beside the whole.
    const whole = kept.filter(({ isWhole }) => isWhole)
    return { what, tallies: whole.length > 0 ? whole : kept, isWhole: whole.length > 0 }
  })
  const row = (name: string, tallies: readonly Tally[]): string =>
    `| ${name} | ${COLUMNS.map(([, key]) => sum(tallies, key)).join(' | ')} |`
  const rows = suites.map(({ what, tallies, isWhole }) =>
    row(`${what}, ${isWhole ? 'whole' : 'the share of `npm test`'} (${lastDay(tallies)})`, tallies),
  )
  const counted = suites.flatMap(({ tallies }) => tallies)
  const notes = counted.flatMap(({ note, on }) => (note === undefined ? [] : [`- ${on}: ${note}`]))
  return [
    `| suite | ${COLUMNS.map(([title]) => title).join(' | ')} |`,
    `|---|${COLUMNS.map(() => '---:|').join('')}`,
    ...rows,
    row('**all**', counted),
    '',
    'Messages are compared byte by byte, with flags and dates. `–`: not counted by this suite.',
    ...(notes.length === 0 ? [] : ['', 'Measured:', '', ...notes]),
  ].join('\n')
}

function sum(tallies: readonly Tally[], key: Count): string {
  const counts = tallies.flatMap((tally) => tally[key] ?? [])
  if (counts.length === 0) return '–'
  return String(counts.reduce((total, count) => total + count, 0)).replace(/\B(?=(\d{3})+$)/g, ',')
}

function lastDay(tallies: readonly KeptTally[]): string {
  return tallies.map(({ on }) => on).reduce((last, on) => (on > last ? on : last), '')
}
