import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { AuditEntry, AuditLog } from '../../src/core/audit.ts'
import type { NewRecord } from '../../src/records/record-types.ts'
import { openRecords, type Records } from '../../src/records/records-db.ts'
import type { RetentionPolicy } from '../../src/records/retention.ts'
import {
  CALM,
  allEntries,
  openTestLog,
  temporaryFolder,
  testClock,
  type TestClock,
} from '../audit/audit-fixture.ts'

export interface TestRecords {
  readonly folder: string
  readonly path: string
  readonly key: Buffer
  readonly clock: TestClock
  readonly log: AuditLog
  readonly records: Records
  /** Closes and opens again. */
  reopen(retention?: Partial<RetentionPolicy>): Records
}

/** Records with a log of their own, on a clock that stands at `at`. */
export function openTestRecords(
  at = '2026-11-23T10:00:00Z',
  retention: Partial<RetentionPolicy> = {},
): TestRecords {
  const folder = temporaryFolder()
  const clock = testClock(at)
  const { log } = openTestLog(join(folder, 'audit'), clock)
  const key = randomBytes(32)
  const path = join(folder, 'records.db')
  let records = openRecords(path, key, { clock, log, retention })
  onTestFinished(() => records.close())
  return {
    folder,
    path,
    key,
    clock,
    log,
    get records() {
      return records
    },
    reopen: (next = retention) => {
      records.close()
      records = openRecords(path, key, { clock, log, retention: next })
      return records
    },
  }
}

export function record(over: Partial<NewRecord> = {}): NewRecord {
  return {
    project: 'acme-2026',
    client: 'Acme Trading LLC',
    contacts: [
      { name: 'Layla Hassan', address: 'layla@acme.example', phone: '+971 4 000 0000', title: 'IT lead' },
      { name: 'Omar Said', address: 'omar@acme.example', phone: null, title: 'signatory' },
    ],
    startedAt: Date.parse('2026-11-01T08:00:00Z'),
    signedOffAt: Date.parse('2026-11-23T09:30:00Z'),
    abandoned: false,
    counts: { accounts: 12, messages: 34_567, bytes: 8_901_234_567 },
    ...over,
  }
}

/** Actions of the log, each with its project or object. */
export async function logged(log: AuditLog): Promise<string[]> {
  const name = ({ action, project, object }: AuditEntry): string =>
    [action, project ?? object ?? ''].join(' ').trim()
  return (await allEntries(log)).map(({ entry }) => (entry === null ? 'erased' : name(entry)))
}

export async function addRecord(test: TestRecords, over: Partial<NewRecord> = {}): Promise<void> {
  const { ANNA } = await import('../audit/audit-fixture.ts')
  await test.records.add(ANNA, record(over), CALM)
}
