import type { Actor, AuditEvent, AuditLog } from '../core/audit.ts'
import type { Clock } from '../core/clock.ts'
import { SealpostError } from '../core/errors.ts'
import { toDatabaseError } from '../sqlite/database-error.ts'
import type { EncryptedDatabase, PreparedStatement } from '../sqlite/open-database.ts'
import type { RetentionPolicy } from './retention.ts'

/** What the parts of the records share. */
export interface Store {
  readonly clock: Clock
  readonly log: AuditLog
  readonly policy: RetentionPolicy
  /** Prepares a statement; to be called once each, when the records are opened. */
  prepare<Row>(sql: string): PreparedStatement<Row>
  /** One IMMEDIATE transaction: all of it is durable when it returns, or none. */
  write<T>(what: string, work: () => T): T
  read<T>(what: string, work: () => T): T
  /** Notes, within a transaction, that rows were removed whose space is still to be given up. */
  oweCompaction(): void
  /** Gives up the space of removed rows, if that is owed; a crash before it leaves it owed. Returns whether it was. */
  compact(): boolean
}

const CHORE = 'compact'

/** Errors of SQLite leave as `SealpostError` that names the step and no value. */
export function createStore(db: EncryptedDatabase, clock: Clock, log: AuditLog, policy: RetentionPolicy): Store {
  const guard = <T>(what: string, work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw toDatabaseError(error, `records: ${what}`)
    }
  }
  const owe = db.prepare('INSERT OR IGNORE INTO chore (name) VALUES (?)')
  const paid = db.prepare('DELETE FROM chore WHERE name = ?')
  const isOwed = db.prepare('SELECT 1 FROM chore WHERE name = ?')
  const inTransaction = db.transaction((work: () => unknown) => work())
  return {
    clock,
    log,
    policy,
    prepare: <Row>(sql: string) => db.prepare<unknown[], Row>(sql),
    read: guard,
    write: <T>(what: string, work: () => T) => guard(what, () => inTransaction.immediate(work) as T),
    oweCompaction: () => {
      owe.run(CHORE)
    },
    compact: () =>
      guard('compact', () => {
        if (isOwed.get(CHORE) === undefined) return false
        db.exec('VACUUM')
        emptyWriteAheadLog(db)
        paid.run(CHORE)
        emptyWriteAheadLog(db)
        return true
      }),
  }
}

/** The name of an operator who answers for what he does. Throws `policy` when nobody is unlocked. */
export function nameOf(by: Actor): string {
  if (by.name !== null) return by.name
  throw new SealpostError('policy', 'this needs an operator who is named', { hint: 'unlock first' })
}

/** An event without project, object, facts and personal fields, to be filled in. */
export function eventOf(by: Actor, action: AuditEvent['action'], over: Partial<AuditEvent> = {}): AuditEvent {
  return { by, action, outcome: 'done', project: null, object: null, facts: {}, personal: {}, ...over }
}

function emptyWriteAheadLog(db: EncryptedDatabase): void {
  const [result] = db.pragma('wal_checkpoint(TRUNCATE)') as readonly { readonly busy: number }[]
  if (result?.busy !== 0) throw new SealpostError('busy', 'records: the write-ahead log could not be emptied')
}
