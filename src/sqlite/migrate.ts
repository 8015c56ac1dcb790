import type { Database } from 'better-sqlite3'
import { SealpostError } from '../core/errors.ts'

/**
 * Brings the file to the newest version, one transaction a step; `user_version` holds the number of steps done, so
 * that twice is safe and a crash between two steps is nothing. Throws `config` for a file of a newer version.
 */
export function migrate(db: Database, path: string, migrations: readonly string[]): void {
  const version = Number(db.pragma('user_version', { simple: true }))
  if (version > migrations.length) {
    throw new SealpostError('config', `${path}: written by a newer version of Sealpost (format ${version})`, {
      hint: 'install that version or a later one',
    })
  }
  for (const [step, script] of migrations.entries()) {
    if (step < version) continue
    const apply = db.transaction(() => {
      db.exec(script)
      db.pragma(`user_version = ${step + 1}`)
    })
    apply.immediate()
  }
}
