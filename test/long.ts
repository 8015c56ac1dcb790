/** Suites that go further when they are asked to: `npm run test:crash`, `npm run test:damage`, … */
export const LONG_FORMS = [
  'crash',
  'damage',
  'disk',
  'faults',
  'gmail',
  'leaks',
  'matrix',
  'microsoft',
  'servers',
  'tokens',
] as const
/** One of them. */
export type LongForm = (typeof LONG_FORMS)[number]

/** True when this run wants all of it; `npm test` takes a bounded share. */
export function isLong(form: LongForm): boolean {
  return (process.env['LONG_TESTS'] ?? '').split(',').includes(form)
}

/**
 * The rows of a table of tests that this run wants: all in the long form, else those of these names. Throws when one of them is
 * not there.
 */
export function wanted<T extends readonly [string, ...unknown[]]>(
  form: LongForm,
  rows: readonly T[],
  share: readonly string[],
): readonly T[] {
  const chosen = rows.filter(([name]) => share.includes(name))
  if (chosen.length !== share.length) throw new Error(`of ${share.join(', ')}: ${chosen.length} are there`)
  return isLong(form) ? rows : chosen
}
