import { defineConfig } from 'vitest/config'
import { ClosingLineReporter } from './test/reporter/closing-line.ts'
import { LongestFirst } from './test/longest-first.ts'

/** Files that change what belongs to the whole process (docs/testing.md). */
const ALONE = 'test/**/*.alone.test.ts'
const INSTALLED = ['test/corpus/node_modules/**', 'node_modules/**']

export default defineConfig({
  test: {
    projects: [
      // Importing what a file needs takes as long as its tests: a process keeps that from one file to the next.
      {
        extends: true,
        test: { name: 'together', include: ['test/**/*.test.ts'], exclude: [...INSTALLED, ALONE], isolate: false },
      },
      { extends: true, test: { name: 'alone', include: [ALONE], exclude: INSTALLED } },
    ],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // More than there are processors: half of the long files wait for servers and for times that are theirs to keep.
    maxWorkers: 6,
    sequence: { sequencer: LongestFirst },
    maxConcurrency: 16,
    reporters: ['default', new ClosingLineReporter()],
  },
})
