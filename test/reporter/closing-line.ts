import { writeSync } from 'node:fs'
import type { Reporter, SerializedError, TestCase, TestModule, TestRunEndReason } from 'vitest/node'
import { missingPackages, wantedPackages } from '../../scripts/set-up.mjs'
import { closingLine, countRun, type Counts } from './count.ts'
import { nameFailures } from './failures.ts'

/** Prints the counts as the very last line of the run, alone, with what failed above it, and lets the run fail when they say so. */
export class ClosingLineReporter implements Reporter {
  #counts: Counts | null = null
  #failures: readonly string[] = []

  onInit(): void {
    process.on('exit', () => {
      if (this.#counts === null) return
      if (this.#counts.failed > 0) process.exitCode ||= 1
      for (const line of [...this.#failures, closingLine(this.#counts)]) writeSync(1, `${line}\n`)
    })
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandled: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    this.#counts = countRun(modules, unhandled, reason === 'interrupted')
    this.#failures = nameFailures(modules, unhandled)
    if (this.#counts.passed === 0) writeSync(1, 'no test has passed\n')
    for (const line of skipReasons(modules)) writeSync(1, `${line}\n`)
  }
}

const MAX_NAMED = 10

/** What was skipped, by name where it is not much, with the reasons that were given. */
function skipReasons(modules: readonly TestModule[]): string[] {
  const lines: string[] = []
  for (const module of modules) {
    const skipped = [...module.children.allTests('skipped')]
    const file = module.relativeModuleId
    if (skipped.length > MAX_NAMED)
      lines.push(`skipped: ${skipped.length} in ${file}: ${skipped[0]?.fullName ?? ''} …`)
    else for (const test of skipped) lines.push(`skipped: ${file}: ${test.fullName}${noteOf(test)}`)
  }
  const missing = lines.length === 0 ? [] : missingPackages(wantedPackages())
  if (missing.length > 0) {
    lines.push(`skipped suites may need Debian packages that are not installed: ${missing.join(' ')}`)
  }
  return lines
}

function noteOf(test: TestCase): string {
  const result = test.result()
  return result.state === 'skipped' && result.note !== undefined ? ` (${result.note})` : ''
}
