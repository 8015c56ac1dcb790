/** Suites that go further when they are asked to: `npm run test:crash`, `test:damage`, `test:faults`, `test:gmail`, `test:matrix`, `test:microsoft`, `test:tokens`. */
export type LongForm = 'crash' | 'damage' | 'faults' | 'gmail' | 'matrix' | 'microsoft' | 'tokens'

/** True when this run wants all of it; `npm test` takes a bounded share. */
export function isLong(form: LongForm): boolean {
  return (process.env['LONG_TESTS'] ?? '').split(',').includes(form)
}
