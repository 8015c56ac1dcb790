/** Suites that go further when they are asked to: `npm run test:crash`, `npm run test:damage`, … */
export const LONG_FORMS = ['crash', 'damage', 'faults', 'gmail', 'matrix', 'microsoft', 'tokens'] as const
/** One of them. */
export type LongForm = (typeof LONG_FORMS)[number]

/** True when this run wants all of it; `npm test` takes a bounded share. */
export function isLong(form: LongForm): boolean {
  return (process.env['LONG_TESTS'] ?? '').split(',').includes(form)
}
