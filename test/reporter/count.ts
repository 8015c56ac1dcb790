/** What the closing line is made of. */
export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** The part of a vitest module that is counted; a test can make one up. */
export interface CountedModule {
  state(): string
  errors(): readonly unknown[]
  readonly children: {
    allTests(): Iterable<{ result(): { readonly state: string } }>
    allSuites(): Iterable<{ errors(): readonly unknown[] }>
  }
}

/**
 * Counts a run. A test that never ended counts as failed, and so does each error outside of a test: of a module, of a
 * suite's hook, unhandled. A run in which no test was executed has failed.
 */
export function countRun(
  modules: readonly CountedModule[],
  unhandled: readonly unknown[],
  interrupted: boolean,
): Counts {
  let passed = 0
  let skipped = 0
  let failed = unhandled.length + (interrupted ? 1 : 0)
  for (const module of modules) {
    const before = failed
    failed += module.errors().length
    for (const suite of module.children.allSuites()) failed += suite.errors().length
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state === 'passed') passed++
      else if (state === 'skipped') skipped++
      else failed++
    }
    if (failed === before && module.state() === 'failed') failed++
  }
  if (passed === 0 && failed === 0) failed = 1
  return { passed, failed, skipped }
}

/** The line itself: `N passed, N failed`, with `, N skipped` when there are any. */
export function closingLine({ passed, failed, skipped }: Counts): string {
  const line = `${passed} passed, ${failed} failed`
  return skipped === 0 ? line : `${line}, ${skipped} skipped`
}
