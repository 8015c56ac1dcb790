import { describe, expect, it } from 'vitest'
import { closingLine, countRun, type CountedModule } from './count.ts'

function made(
  states: readonly string[],
  more: { errors?: number; suiteErrors?: number; state?: string } = {},
): CountedModule {
  const some = (count: number | undefined): unknown[] =>
    Array.from({ length: count ?? 0 }, () => new Error('made up'))
  return {
    state: () => more.state ?? 'passed',
    errors: () => some(more.errors),
    children: {
      allTests: () => states.map((state) => ({ result: () => ({ state }) })),
      allSuites: () => [{ errors: () => some(more.suiteErrors) }],
    },
  }
}

describe('the closing line', () => {
  it('counts tests by their state over all modules', () => {
    const counts = countRun([made(['passed', 'failed']), made(['passed', 'skipped', 'passed'])], [], false)
    expect(counts).toEqual({ passed: 3, failed: 1, skipped: 1 })
    expect(closingLine(counts)).toBe('3 passed, 1 failed, 1 skipped')
  })

  it('leaves the skipped out when there are none', () => {
    expect(closingLine({ passed: 12, failed: 0, skipped: 0 })).toBe('12 passed, 0 failed')
  })

  it('counts errors outside of tests as failures', () => {
    expect(countRun([made(['passed'], { errors: 2 })], [], false).failed).toBe(2)
    expect(countRun([made(['skipped', 'passed'], { suiteErrors: 1 })], [], false).failed).toBe(1)
    expect(countRun([made(['passed'])], [new Error('unhandled')], false).failed).toBe(1)
    expect(countRun([made(['passed'], { state: 'failed' })], [], false).failed).toBe(1)
    expect(countRun([made(['passed'])], [], true).failed).toBe(1)
  })

  it('counts a test that never ended as failed', () => {
    expect(countRun([made(['pending', 'passed'])], [], false)).toEqual({ passed: 1, failed: 1, skipped: 0 })
  })

  it('fails a run without a test, and one in which every test was skipped', () => {
    expect(countRun([], [], false)).toEqual({ passed: 0, failed: 1, skipped: 0 })
    expect(countRun([made(['skipped'])], [], false)).toEqual({ passed: 0, failed: 1, skipped: 1 })
  })
})
