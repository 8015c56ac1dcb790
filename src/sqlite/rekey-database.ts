import { closeSync, constants, copyFileSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { isKind, SealpostError } from '../core/errors.ts'
import { toDatabaseError } from './database-error.ts'
import { connectAlone, keyText, syncFolder } from './open-database.ts'

/** Which keys a database goes from and to, 32 bytes each. */
export interface KeyChange {
  readonly before: Buffer
  readonly after: Buffer
}

/**
 * Makes sure that nobody has the database open, and brings what its log still holds into the file, which then stands by
 * itself until it is opened again. Twice is safe. Throws `busy` when another connection is open, `locked` when neither key
 * opens it.
 */
export function settleDatabase(path: string, key: Buffer): void {
  const db = connectAlone(path, key)
  try {
    if (db.pragma('journal_mode = DELETE', { simple: true }) !== 'delete') {
      throw new SealpostError('busy', `${path}: in use by another process`, { hint: 'wait for it or stop it' })
    }
  } catch (error) {
    throw toDatabaseError(error, path)
  } finally {
    db.close()
  }
}

/**
 * Puts the database under another key: a copy is rekeyed, read through and brought to the disk, and only then takes the
 * file's place. Twice is safe, and safe after a kill at any point: a file under the new key stays as it is. Throws what
 * `settleDatabase` throws.
 */
export function rekeyDatabase(path: string, { before, after }: KeyChange): void {
  const draft = `${path}.rekeyed`
  removeDraft(draft)
  if (isUnder(path, { before, after }) === 'after') return
  settleDatabase(path, before)
  try {
    copyFileSync(path, draft, constants.COPYFILE_EXCL)
    rekey(draft, { before, after })
    const file = openSync(draft, constants.O_RDWR)
    fsyncSync(file)
    closeSync(file)
    renameSync(draft, path)
    syncFolder(path)
  } catch (error) {
    removeDraft(draft)
    throw toDatabaseError(error, path)
  }
}

function removeDraft(draft: string): void {
  for (const left of [draft, `${draft}-journal`]) rmSync(left, { force: true })
}

function isUnder(path: string, { before, after }: KeyChange): keyof KeyChange {
  try {
    connectAlone(path, before).close()
    return 'before'
  } catch (error) {
    if (!isKind(error, 'locked')) throw error
    try {
      connectAlone(path, after).close()
    } catch {
      throw error
    }
    return 'after'
  }
}

/** Rekeys a copy that nobody misses if it goes wrong; every page is read back under the new key. */
function rekey(draft: string, { before, after }: KeyChange): void {
  const db = connectAlone(draft, before)
  const text = keyText(after)
  try {
    if (db.rekey(text) !== 0) throw new SealpostError('bug', `${draft}: the key could not be changed`)
  } finally {
    text.fill(0)
    db.close()
  }
  const again = connectAlone(draft, after)
  try {
    const found: unknown = again.pragma('quick_check(1)', { simple: true })
    if (found !== 'ok') throw new SealpostError('corrupt', `${draft}: the copy under the new key is damaged`)
  } finally {
    again.close()
  }
}
