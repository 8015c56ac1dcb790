import { existsSync } from 'node:fs'
import { openDatabase } from '../sqlite/open-database.ts'
import { toDatabaseError } from '../sqlite/database-error.ts'
import { MIGRATIONS } from './schema.ts'

const PREFIX = 'canary:'

/**
 * Writes a canary into the ledger, as the name of a fact: sign-off opens it before the keys are destroyed and cannot
 * afterwards. The ledger must not be open. Twice is safe. Throws what `openDatabase` throws.
 */
export function plantLedgerCanary(path: string, key: Buffer, canary: string): void {
  const db = openDatabase(path, key, { migrations: MIGRATIONS, readers: true })
  try {
    db.prepare('INSERT INTO fact (name, value) VALUES (?, 1) ON CONFLICT (name) DO NOTHING').run(
      `${PREFIX}${canary}`,
    )
  } catch (error) {
    throw toDatabaseError(error, path)
  } finally {
    db.close()
  }
}

/** The canary of a ledger, or null when there is no ledger or none was planted. Throws `locked` for another key. */
export function readLedgerCanary(path: string, key: Buffer): string | null {
  if (!existsSync(path)) return null
  const db = openDatabase(path, key, { migrations: MIGRATIONS, readers: true })
  try {
    const name = db.prepare<[string], string>('SELECT name FROM fact WHERE name GLOB ?').pluck().get(`${PREFIX}*`)
    return name === undefined ? null : name.slice(PREFIX.length)
  } catch (error) {
    throw toDatabaseError(error, path)
  } finally {
    db.close()
  }
}
