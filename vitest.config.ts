import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/longest-first.ts'
import { ClosingLineReporter } from './test/reporter/closing-line.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/corpus/node_modules/**', 'node_modules/**'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Twice as many as processors: half of the long files wait for servers and for times that are theirs to keep.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    maxConcurrency: 16,
    reporters: ['default', new ClosingLineReporter()],
  },
})
