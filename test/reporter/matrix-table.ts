import type { CaseResult } from '../matrix/judge.ts'
import type { PairReport } from './tally.ts'

/**
 * What became of each case between each pair of servers, as Markdown: a table of counts, a row a source and a column a
 * destination; then one of the cases that do not arrive the same everywhere, a column a destination, where cases that
 * share a fate share a row; then the names of the others, and of what servers do not take in the first place.
 */
export function matrixOf(pairs: readonly PairReport[]): string {
  if (pairs.length === 0) return 'No pair was run.'
  const servers = [...new Set(pairs.flatMap(({ from, to }) => [from, to]))].sort()
  const days = [...new Set(pairs.map(({ on }) => on))].sort()
  const cases = [...new Set(pairs.flatMap(({ results }) => results.map(([name]) => name)))]
  const wrong = pairs.flatMap((pair) => pair.wrong.map((text) => `- ${pair.from} to ${pair.to}: ${escape(text)}`))
  const destinations = servers.filter((server) => pairs.some(({ to }) => to === server))
  const fates = cases.map((name) => ({ name, cells: destinations.map((to) => fateOf(name, to, pairs)) }))
  const isPlain = (cells: readonly string[]): boolean =>
    cells.includes('same') && cells.every((cell) => cell === 'same' || cell === NOT_MOVED)
  const same = fates.filter(({ cells }) => isPlain(cells)).map(({ name }) => name)
  const moved = fates.filter(({ cells }) => cells.some((cell) => cell !== NOT_MOVED))
  const rows = grouped(moved.filter(({ cells }) => !isPlain(cells)))
  return [
    `${pairs.length} ordered pairs of servers (${days.join(', ')}), ${cases.length} cases; ${wrong.length === 0 ? 'nothing went wrong that should not' : `${wrong.length} things went wrong`}. ` +
      'Each cell: cases that arrive the same / that the destination alters / that it refuses / that the source itself does not take.',
    '',
    countTable(pairs, servers, destinations),
    ...(wrong.length === 0 ? [] : ['', 'What went wrong:', '', ...wrong]),
    '',
    'What is not the same everywhere, by destination:',
    '',
    `| case | ${destinations.map((to) => `to ${to}`).join(' | ')} |`,
    `|---|${destinations.map(() => '---|').join('')}`,
    ...rows.map(({ names, cells }) => `| ${escape(listed(names))} | ${cells.map(escape).join(' | ')} |`),
    '',
    '`altered` names what verify says of it: a rule that explains it, or `open` where content was lost, which blocks sign-off until it is accepted.',
    '`refused` quotes the server; the message is an exception. `–`: no source took it, so that it cannot be moved.',
    '',
    `The same everywhere (${same.length}): ${escape(listed(same))}.`,
    '',
    'What a server does not take in the first place, and what is therefore not moved from it:',
    '',
    ...servers.flatMap((from) => untakenBy(from, pairs)),
    ...renames(pairs),
  ].join('\n')
}

const NOT_MOVED = '–'

function countTable(
  pairs: readonly PairReport[],
  servers: readonly string[],
  destinations: readonly string[],
): string {
  const cell = (from: string, to: string): string => {
    const results = pairs.find((pair) => pair.from === from && pair.to === to)?.results
    if (results === undefined) return 'not run'
    const count = (kind: CaseResult['kind']): number => results.filter(([, result]) => result.kind === kind).length
    return [count('same'), count('altered'), count('refused'), count('untaken')].join(' / ')
  }
  return [
    `| from | ${destinations.map((to) => `to ${to}`).join(' | ')} |`,
    `|---|${destinations.map(() => '---|').join('')}`,
    ...servers
      .filter((server) => pairs.some(({ from }) => from === server))
      .map((from) => `| ${from} | ${destinations.map((to) => cell(from, to)).join(' | ')} |`),
  ].join('\n')
}

/** What a destination makes of a case, whatever source it comes from; with the sources where they differ. */
function fateOf(name: string, to: string, pairs: readonly PairReport[]): string {
  const words = new Map<string, string[]>()
  for (const pair of pairs.filter((each) => each.to === to)) {
    const result = pair.results.find(([each]) => each === name)?.[1]
    if (result === undefined || result.kind === 'untaken') continue
    words.set(inWords(result), [...(words.get(inWords(result)) ?? []), pair.from])
  }
  if (words.size === 0) return NOT_MOVED
  if (words.size === 1) return [...words.keys()].join('')
  return [...words].map(([word, from]) => `${word} (from ${from.join(', ')})`).join('; ')
}

function inWords(result: Exclude<CaseResult, { kind: 'untaken' }>): string {
  if (result.kind === 'same') return 'same'
  return result.kind === 'altered' ? `altered: ${result.how}` : `refused: ${withoutTimes(result.why)}`
}

/** Dovecot adds how long it took. */
function withoutTimes(text: string): string {
  return text.replace(/ \([\d.+ ]+secs\)/, '')
}

/** Cases of one fate in one row, in the order of the first of each. */
function grouped(
  fates: readonly { readonly name: string; readonly cells: readonly string[] }[],
): { readonly names: string[]; readonly cells: readonly string[] }[] {
  const rows = new Map<string, { names: string[]; cells: readonly string[] }>()
  for (const { name, cells } of fates) {
    const row = rows.get(JSON.stringify(cells))
    if (row === undefined) rows.set(JSON.stringify(cells), { names: [name], cells })
    else row.names.push(name)
  }
  return [...rows.values()]
}

function untakenBy(from: string, pairs: readonly PairReport[]): string[] {
  const reasons = new Map<string, Set<string>>()
  for (const { results } of pairs.filter((pair) => pair.from === from)) {
    for (const [name, result] of results) {
      if (result.kind !== 'untaken') continue
      const why = withoutTimes(result.why)
      reasons.set(why, (reasons.get(why) ?? new Set()).add(name))
    }
  }
  return [...reasons].map(([why, names]) => `- ${from}: ${escape(listed([...names]))} (${escape(why)})`)
}

/** Mailboxes that go under another name, as the plan prints them, and between how many of the pairs. */
function renames(pairs: readonly PairReport[]): string[] {
  const counts = new Map<string, number>()
  for (const each of pairs.flatMap(({ renamed }) => renamed)) counts.set(each, (counts.get(each) ?? 0) + 1)
  if (counts.size === 0) return []
  const shown = [...counts].map(([each, count]) => `${escape(each.replace(LONG_RUN, '$1$1$1…'))} (${count})`)
  return ['', `Mailboxes under another name, as the plan printed it (between so many pairs): ${shown.join('; ')}.`]
}

/** One character, many times. */
const LONG_RUN = /(.)\1{12,}/gu

/** Names with a number in them that follow one another are one name with a range: `keyword 26 to 39 of 40`. */
function listed(names: readonly string[]): string {
  const parts: { readonly before: string; readonly after: string; readonly first: number; last: number }[] = []
  for (const name of names) {
    const [, before = name, digits = '', after = ''] = /^(keyword )(\d+)( of .*)$/.exec(name) ?? []
    const number = digits === '' ? NaN : Number(digits)
    const previous = parts.at(-1)
    if (previous?.before === before && previous.after === after && previous.last + 1 === number)
      previous.last = number
    else parts.push({ before, after, first: number, last: number })
  }
  return parts
    .map(({ before, after, first, last }) =>
      Number.isNaN(first) ? before : `${before}${first === last ? first : `${first} to ${last}`}${after}`,
    )
    .join('; ')
}

/** Text of a server or a case as it is, in a cell. */
function escape(text: string): string {
  return text.replace(/[|\\<>*_`~[\]#]/g, '\\$&').replace(/[\r\n\t]/g, ' ')
}
