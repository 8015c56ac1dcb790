import type { Ledger } from '../core/ledger.ts'
import { openDatabase } from '../sqlite/open-database.ts'
import { toDatabaseError } from '../sqlite/database-error.ts'
import { adoptionMethods } from './adoption.ts'
import { claimMethods } from './claims.ts'
import { epochMethods } from './epochs.ts'
import { listingMethods } from './listing.ts'
import { mailboxMethods } from './mailboxes.ts'
import { moveMethods } from './moves.ts'
import { reportMethods } from './reports.ts'
import { runMethods } from './runs.ts'
import { MIGRATIONS } from './schema.ts'
import { createStore } from './store.ts'
import { transferMethods } from './transfer.ts'
import { workMethods } from './work.ts'

/**
 * Opens or creates a ledger under its key of 32 bytes, which the caller wipes. Every method is synchronous and one
 * transaction, on the disk when it returns. Throws what `openDatabase` throws; methods of a damaged file throw
 * `corrupt` with SQLite's code, after which nothing more can be written down and a run must end.
 */
export function openLedger(path: string, key: Buffer): Ledger {
  const db = openDatabase(path, key, { migrations: MIGRATIONS })
  try {
    const store = createStore(db)
    return {
      ...mailboxMethods(store),
      ...listingMethods(store),
      ...epochMethods(store),
      ...workMethods(store),
      ...transferMethods(store),
      ...claimMethods(store),
      ...adoptionMethods(store),
      ...moveMethods(store),
      ...reportMethods(store),
      ...runMethods(store),
      close: store.read('close', () => {
        db.close()
      }),
    }
  } catch (error) {
    db.close()
    throw toDatabaseError(error, path)
  }
}
