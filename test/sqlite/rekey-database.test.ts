import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createHash, randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase, type EncryptedDatabase } from '../../src/sqlite/open-database.ts'
import { rekeyDatabase, settleDatabase } from '../../src/sqlite/rekey-database.ts'

const MIGRATIONS = ['CREATE TABLE piece (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT']
/** More than SQLite keeps of a file in memory: pages go out to the disk while the key changes. */
const PIECES = 64
const PIECE_BYTES = 100_000
const [before, after] = [randomBytes(32), randomBytes(32)]
let folder = ''
let path = ''

const open = (key: Buffer): EncryptedDatabase => openDatabase(path, key, { migrations: MIGRATIONS, readers: true })
const insert = (db: EncryptedDatabase, count: number): void => {
  const statement = db.prepare('INSERT INTO piece (bytes) VALUES (?)')
  for (let i = 0; i < count; i++) statement.run(randomBytes(PIECE_BYTES))
}
function digestOf(key: Buffer): string {
  const db = open(key)
  const rows = db.prepare<[], Buffer>('SELECT bytes FROM piece ORDER BY id').pluck().all()
  db.close()
  const hash = createHash('sha256')
  for (const row of rows) hash.update(row)
  return `${rows.length} ${hash.digest('hex')}`
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sealpost-rekey-'))
  path = join(folder, 'ledger.db')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('a database under another key', () => {
  test('says what it said, to the new key alone, and no page is as it was', () => {
    const db = open(before)
    insert(db, PIECES)
    db.close()
    const digest = digestOf(before)
    const old = readFileSync(path)
    rekeyDatabase(path, { before, after })
    const fresh = readFileSync(path)
    expect(fresh.length).toBe(old.length)
    for (let at = 0; at < fresh.length; at += 4096)
      expect(fresh.subarray(at, at + 4096).equals(old.subarray(at, at + 4096)), `page at ${at}`).toBe(false)
    expect(readdirSync(folder)).toEqual(['ledger.db'])
    expect(digestOf(after)).toBe(digest)
    expect(() => open(before)).toThrow('this key does not open the file')
    rekeyDatabase(path, { before, after })
    expect(digestOf(after)).toBe(digest)
  })

  test('with what a killed process left in the log, and of a draft', () => {
    const db = open(before)
    insert(db, 3)
    // As a kill leaves it: the log was not brought into the file.
    const files = ['', '-wal', '-shm'].map((end) => [end, readFileSync(`${path}${end}`)] as const)
    db.close()
    const digest = digestOf(before)
    for (const [end, bytes] of files) writeFileSync(`${path}${end}`, bytes)
    copyFileSync(path, `${path}.rekeyed`)
    rekeyDatabase(path, { before, after })
    expect(digestOf(after)).toBe(digest)
    expect(existsSync(`${path}.rekeyed`)).toBe(false)
  })

  test('is made under neither while somebody has it open, or when neither key opens it', () => {
    const reader = open(before)
    insert(reader, 1)
    expect(() => settleDatabase(path, before)).toThrow(/in use/)
    expect(() => rekeyDatabase(path, { before, after })).toThrow(/in use/)
    insert(reader, 1)
    reader.close()
    expect(digestOf(before)).toMatch(/^2 /)
    expect(() => rekeyDatabase(path, { before: randomBytes(32), after })).toThrow(
      'this key does not open the file',
    )
    expect(readdirSync(folder)).toEqual(['ledger.db'])
    expect(digestOf(before)).toMatch(/^2 /)
  })

  test('a damaged page stops it, and the file stays as it is', () => {
    const db = open(before)
    insert(db, 3)
    db.close()
    settleDatabase(path, before)
    const bytes = readFileSync(path)
    bytes.writeUInt8(bytes.readUInt8(20_000) ^ 1, 20_000)
    writeFileSync(path, bytes)
    expect(() => rekeyDatabase(path, { before, after })).toThrow()
    expect(readFileSync(path).equals(bytes)).toBe(true)
    expect(readdirSync(folder)).toEqual(['ledger.db'])
  })
})
