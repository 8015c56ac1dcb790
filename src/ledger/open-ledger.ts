import type { Ledger, LedgerReader } from '../core/ledger.ts'
import { openDatabase, readDatabase, type EncryptedDatabase } from '../sqlite/open-database.ts'
import { toDatabaseError } from '../sqlite/database-error.ts'
import { adoptionMethods } from './adoption.ts'
import { createBackupBook, type BackupRecords } from './backup-book.ts'
import { claimMethods } from './claims.ts'
import { epochMethods } from './epochs.ts'
import { excludeMethods } from './exclude.ts'
import { holdMethods } from './holding.ts'
import { listingMethods } from './listing.ts'
import { mailboxMethods } from './mailboxes.ts'
import { moveMethods } from './moves.ts'
import { putBackMethods } from './put-back.ts'
import { reportMethods } from './reports.ts'
import { runMethods } from './runs.ts'
import { MIGRATIONS } from './schema.ts'
import { sightMethods } from './sights.ts'
import { createStore, type Store } from './store.ts'
import { transferMethods } from './transfer.ts'
import { workMethods } from './work.ts'

/**
 * Opens or creates a ledger under its key of 32 bytes, which the caller wipes; the caller holds the project's lock, since
 * the file itself lets others read meanwhile. Every method is synchronous and one
 * transaction; it is on the disk when it returns, or, where the servers can be asked again, with the next one that is.
 * Throws what `openDatabase` throws; methods of a damaged file throw
 * `corrupt` with SQLite's code, after which nothing more can be written down and a run must end.
 */
export function openLedger(path: string, key: Buffer): Ledger {
  return withStore(path, openDatabase(path, key, { migrations: MIGRATIONS, readers: true }), ledgerOver)
}

/** A ledger whose destination is an archive, and the book of that archive. */
export interface BackupLedger {
  readonly ledger: Ledger
  readonly records: BackupRecords
}

/** As `openLedger`, with the book of an archive in the same file: what is held lands with the volume that it lies in. */
export function openBackupLedger(path: string, key: Buffer): BackupLedger {
  return withStore(path, openDatabase(path, key, { migrations: MIGRATIONS, readers: true }), (store, close) => {
    const ledger = ledgerOver(store, close)
    return { ledger, records: createBackupBook(store, ledger) }
  })
}

function ledgerOver(store: Store, close: () => void): Ledger {
  return {
    ...mailboxMethods(store),
    ...listingMethods(store),
    ...epochMethods(store),
    ...excludeMethods(store),
    ...workMethods(store),
    ...transferMethods(store),
    ...putBackMethods(store),
    ...claimMethods(store),
    ...adoptionMethods(store),
    ...moveMethods(store),
    ...sightMethods(store),
    ...reportMethods(store),
    ...runMethods(store),
    ...holdMethods(store),
    close,
  }
}

/**
 * Opens a ledger to be read beside the process that works on it. Each method sees what had been committed when it was
 * called. Throws what `readDatabase` throws.
 */
export function openLedgerReader(path: string, key: Buffer): LedgerReader {
  return withStore(path, readDatabase(path, key, { migrations: MIGRATIONS }), (store, close) => {
    const { pairs, mailbox, mailboxes } = mailboxMethods(store)
    const { unverified, fidelity, findings, totals, exceptions } = reportMethods(store)
    const { waits, limitsMet } = runMethods(store)
    const { delivered } = workMethods(store)
    const reports = { unverified, fidelity, findings, totals, exceptions, waits, limitsMet }
    return { pairs, mailbox, mailboxes, delivered, ...reports, close }
  })
}

function withStore<T>(path: string, db: EncryptedDatabase, make: (store: Store, close: () => void) => T): T {
  try {
    const store = createStore(db)
    return make(
      store,
      store.read('close', () => {
        db.close()
      }),
    )
  } catch (error) {
    db.close()
    throw toDatabaseError(error, path)
  }
}
