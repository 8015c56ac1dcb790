import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Files that take longest, or wait most, by their beginnings: what computes beside what waits for servers, so that neither is
 * alone at the end. A new checkout has no times of an earlier run to go by.
 */
const LONGEST = [
  ...['test/corpus/', 'test/graph/moving', 'test/faults/poison', 'test/crash/', 'test/matrix/', 'test/cli/oauth'],
  ...['test/conformance/imap', 'test/cli/dashboard-terminal', 'test/faults/', 'test/engine/doubt', 'test/disk/'],
  ...['test/cli/server-errors', 'test/signoff/', 'test/gmail/moves', 'test/cli/doctor-cloud', 'test/demo/'],
  ...[
    'test/cli/package',
    'test/cli/run.',
    'test/cli/gmail',
    'test/conformance/',
    'test/imap/',
    'test/cli/backup-kill',
  ],
  ...['test/cli/runbook', 'test/cli/incident', 'test/spool/', 'test/audit/audit-crash', 'test/cli/intake'],
]

/**
 * Those that have a process of their own, then the longest, and all others as vitest would have them. A process that is shared
 * ends when the next file is to be alone.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const rank = ({ moduleId, project }: TestSpecification): number => {
      if (project.config.isolate) return -1
      const found = LONGEST.findIndex((beginning) => moduleId.includes(`/${beginning}`))
      return found === -1 ? LONGEST.length : found
    }
    return [...sorted].sort((a, b) => rank(a) - rank(b))
  }
}
