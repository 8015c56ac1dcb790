import type { EncryptedDatabase, PreparedStatement } from '../sqlite/open-database.ts'
import { toDatabaseError } from '../sqlite/database-error.ts'

/** What the parts of the ledger share: one connection and the one way to make a method of it. */
export interface Store {
  /** Prepares a statement; to be called once each, when the ledger is opened. */
  prepare<Row>(sql: string): PreparedStatement<Row>
  /** Makes a method that is one IMMEDIATE transaction: all of it is durable when it returns, or none. */
  write<Parameters extends readonly unknown[], Result>(
    what: string,
    action: (...parameters: Parameters) => Result,
  ): (...parameters: Parameters) => Result
  /**
   * As `write`, but after a power cut the last of them may be undone: on the disk at the latest with the next `write`,
   * in the order in which they were made. For what the servers can be asked again.
   */
  note<Parameters extends readonly unknown[], Result>(
    what: string,
    action: (...parameters: Parameters) => Result,
  ): (...parameters: Parameters) => Result
  /** Makes a method that only reads. */
  read<Parameters extends readonly unknown[], Result>(
    what: string,
    action: (...parameters: Parameters) => Result,
  ): (...parameters: Parameters) => Result
}

/** Errors of SQLite leave the methods as `SealpostError` that names the method and no value. */
export function createStore(db: EncryptedDatabase): Store {
  const guard =
    <Parameters extends readonly unknown[], Result>(what: string, action: (...parameters: Parameters) => Result) =>
    (...parameters: Parameters): Result => {
      try {
        return action(...parameters)
      } catch (error) {
        throw toDatabaseError(error, `ledger: ${what}`)
      }
    }
  /** Where the transaction ends, `synchronous` decides whether the disk is waited for (SQLite, WAL). */
  const transact =
    (isWaitedFor: boolean): Store['write'] =>
    (what, action) => {
      // One wrapper for each method: making it costs more than running it.
      const transaction = db.transaction((run: () => unknown) => run())
      return guard(what, (...parameters) => {
        let result: ReturnType<typeof action> | undefined
        const run = (): void => {
          result = action(...parameters)
        }
        if (isWaitedFor) transaction.immediate(run)
        else {
          db.pragma('synchronous = NORMAL')
          try {
            transaction.immediate(run)
          } finally {
            db.pragma('synchronous = FULL')
          }
        }
        return result as ReturnType<typeof action>
      })
    }
  return {
    prepare: <Row>(sql: string) => db.prepare<unknown[], Row>(sql),
    read: guard,
    write: transact(true),
    note: transact(false),
  }
}
