import type { AuditLog } from '../core/audit.ts'
import type { Clock } from '../core/clock.ts'
import { toDatabaseError } from '../sqlite/database-error.ts'
import { openDatabase } from '../sqlite/open-database.ts'
import { holdMethods, type HoldBook } from './holds.ts'
import { incidentMethods, type IncidentBook } from './incidents.ts'
import { recordMethods, type RecordBook } from './project-records.ts'
import { makePolicy, type RetentionPolicy } from './retention.ts'
import { MIGRATIONS } from './schema.ts'
import { createStore } from './store.ts'
import { subjectFinder } from './subject-find.ts'
import { subjectMethods, type SubjectRights } from './subjects.ts'
import { sweepMethods, type Sweeper } from './sweep.ts'

/** What is kept of projects that were: records, holds, incidents, and persons' rights over them. */
export interface Records extends RecordBook, HoldBook, IncidentBook, SubjectRights, Sweeper {
  /** The table of periods that is in force. */
  readonly policy: RetentionPolicy
  /** Twice is safe. */
  close(): void
}

/** What opening the records takes. */
export interface RecordsOptions {
  readonly clock: Clock
  readonly log: AuditLog
  /** What the workspace's configuration changes of `DEFAULT_RETENTION`. */
  readonly retention?: Partial<RetentionPolicy>
}

/**
 * Opens or creates the records under their key of 32 bytes, which the caller wipes. Gives up the space of rows that an
 * interrupted purge removed. Throws what `openDatabase` throws, and `config` for a policy that cannot be carried out.
 */
export function openRecords(path: string, key: Buffer, options: RecordsOptions): Records {
  const policy = makePolicy(options.retention ?? {})
  const db = openDatabase(path, key, { migrations: MIGRATIONS })
  try {
    const store = createStore(db, options.clock, options.log, policy)
    const holds = holdMethods(store)
    const records = recordMethods(store, holds)
    const incidents = incidentMethods(store)
    store.compact()
    return {
      ...holds,
      ...records,
      ...incidents,
      ...sweepMethods(store, holds),
      ...subjectMethods(store, records, holds, subjectFinder(store, records, holds, incidents)),
      policy,
      close: () => {
        db.close()
      },
    }
  } catch (error) {
    db.close()
    throw toDatabaseError(error, path)
  }
}
