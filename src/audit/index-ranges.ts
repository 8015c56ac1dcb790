/** Indexes as text, `3-9,12`: sorted, without doubles. */
export function formatRanges(indexes: readonly number[]): string {
  const parts: string[] = []
  for (const [from, to] of spansOf(indexes)) parts.push(from === to ? `${from}` : `${from}-${to}`)
  return parts.join(',')
}

/** The opposite of `formatRanges`, or null for any text that it would not write. Bounded by `limit` indexes. */
export function parseRanges(text: string, limit: number): number[] | null {
  const indexes: number[] = []
  for (const part of text === '' ? [] : text.split(',')) {
    const [, from = '', to = from] = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(part) ?? []
    if (from === '' || indexes.length + Number(to) - Number(from) >= limit) return null
    for (let index = Number(from); index <= Number(to); index++) indexes.push(index)
  }
  return formatRanges(indexes) === text ? indexes : null
}

/** First and last of each run of neighbours. */
export function spansOf(indexes: readonly number[]): readonly (readonly [number, number])[] {
  const spans: [number, number][] = []
  for (const index of [...new Set(indexes)].sort((a, b) => a - b)) {
    const last = spans.at(-1)
    if (last?.[1] === index - 1) last[1] = index
    else spans.push([index, index])
  }
  return spans
}
