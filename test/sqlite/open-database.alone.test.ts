import { execFile, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify, inspect } from 'node:util'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { thrownBy } from '../thrown-by.ts'
import { toDatabaseError } from '../../src/sqlite/database-error.ts'
import { openDatabase, readDatabase, type EncryptedDatabase } from '../../src/sqlite/open-database.ts'

const CANARY = 'canary-7f3a-in-plain-sight'
const MIGRATIONS = ['CREATE TABLE note (text TEXT)']

let folder: string
let path: string
let key: Buffer
const opened: EncryptedDatabase[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sqlite-test-'))
  path = join(folder, 'test.db')
  key = randomBytes(32)
})

afterEach(() => {
  for (const db of opened.splice(0)) db.close()
  rmSync(folder, { recursive: true, force: true })
})

function openTest(migrations: readonly string[] = MIGRATIONS, at = path, under = key): EncryptedDatabase {
  const db = openDatabase(at, under, { migrations })
  opened.push(db)
  return db
}

function fill(db: EncryptedDatabase, rows = 500): void {
  const insert = db.prepare('INSERT INTO note VALUES (?)')
  const insertAll = db.transaction(() => {
    for (let i = 0; i < rows; i++) insert.run(`${CANARY} ${i}`)
  })
  insertAll()
}

describe('an encrypted database', () => {
  it('keeps what was written', () => {
    const db = openTest()
    fill(db)
    db.close()
    expect(openTest().prepare('SELECT count(*) FROM note').pluck().get()).toBe(500)
  })

  it('has no plaintext in the file or beside it', () => {
    const db = openTest()
    fill(db)
    db.pragma('wal_checkpoint(PASSIVE)')
    fill(db)
    const names = readdirSync(folder)
    expect(names).toContain('test.db-wal')
    for (const name of names) {
      const bytes = readFileSync(join(folder, name))
      expect(bytes.length).toBeGreaterThan(4096)
      for (const text of [CANARY, 'CREATE TABLE', 'SQLite format 3', key.toString('hex')]) {
        expect(bytes.includes(text), `${text} in ${name}`).toBe(false)
      }
      expect(bytes.includes(key)).toBe(false)
    }
  })

  it('does not open with another key, nor does a copy of it', () => {
    const db = openTest()
    fill(db)
    db.close()
    const copy = join(folder, 'copy.db')
    copyFileSync(path, copy)
    const other = Buffer.from(key)
    other[31] = (other[31] ?? 0) ^ 1
    for (const at of [path, copy]) {
      const error = thrownBy(() => openTest(MIGRATIONS, at, other))
      expect(error.kind).toBe('locked')
      expect(error.message).toBe(`${at}: this key does not open the file`)
      expect(inspect(error, { depth: 9 })).not.toContain(other.toString('hex'))
    }
    expect(openTest(MIGRATIONS, copy).prepare('SELECT count(*) FROM note').pluck().get()).toBe(500)
  })

  it('loses nothing of what lay in the log of a dead process when a wrong key is tried first', () => {
    const db = openTest()
    fill(db)
    const left = join(folder, 'left.db')
    copyFileSync(path, left)
    copyFileSync(`${path}-wal`, `${left}-wal`)
    expect(thrownBy(() => openTest(MIGRATIONS, left, randomBytes(32))).kind).toBe('locked')
    expect(openTest(MIGRATIONS, left).prepare('SELECT count(*) FROM note').pluck().get()).toBe(500)
  })

  it('is SQLCipher 4 with a raw key: told so by pragma, it opens', () => {
    const db = openTest()
    fill(db)
    db.close()
    const plainSpoken = new Database(path)
    opened.push(plainSpoken)
    plainSpoken.pragma(`cipher = 'sqlcipher'`)
    plainSpoken.pragma('legacy = 4')
    plainSpoken.pragma(`key = "x'${key.toString('hex')}'"`)
    expect(plainSpoken.prepare('SELECT count(*) FROM note').pluck().get()).toBe(500)
  })

  it('refuses a file of another cipher under the same key', () => {
    const db = new Database(path)
    db.pragma(`cipher = 'chacha20'`)
    db.pragma(`key = "x'${key.toString('hex')}'"`)
    db.exec('CREATE TABLE note (text TEXT)')
    db.close()
    expect(thrownBy(() => openTest()).kind).toBe('locked')
  })

  it('refuses a file that was never encrypted, one that is cut short and one that is damaged', () => {
    const plain = new Database(path)
    plain.exec('CREATE TABLE note (text TEXT)')
    plain.close()
    expect(thrownBy(() => openTest())).toMatchObject({
      kind: 'corrupt',
      message: `${path}: the file is not encrypted`,
    })
    rmSync(path)

    const db = openTest()
    fill(db, 2000)
    db.close()
    const { size } = statSync(path)
    truncateSync(path, 100)
    expect(thrownBy(() => openTest())).toMatchObject({
      kind: 'corrupt',
      message: `${path}: the file is cut short`,
    })
    expect(size).toBeGreaterThan(10 * 4096)
  })

  it('notices one changed bit in any page', () => {
    const db = openTest()
    fill(db, 2000)
    db.close()
    const good = readFileSync(path)
    for (const page of [1, 2, 5, good.length / 4096 - 1]) {
      const bad = Buffer.from(good)
      bad[page * 4096 + 1234] = (bad[page * 4096 + 1234] ?? 0) ^ 1
      writeFileSync(path, bad)
      const error = thrownBy(() => {
        const damaged = openTest()
        try {
          damaged.prepare('SELECT sum(length(text)) FROM note').get()
        } catch (thrown) {
          throw toDatabaseError(thrown, 'reading')
        } finally {
          damaged.close()
        }
      })
      expect(error.kind, `page ${page}`).toBe('corrupt')
    }
  })

  it('takes keys of 32 bytes alone and leaves the caller’s as it was', () => {
    const before = Buffer.from(key)
    openTest()
    expect(key.equals(before)).toBe(true)
    expect(thrownBy(() => openTest(MIGRATIONS, path, Buffer.alloc(31))).kind).toBe('bug')
  })

  it('has the settings that keep it safe', () => {
    const db = openTest()
    const settings = ['journal_mode', 'synchronous', 'secure_delete', 'temp_store', 'foreign_keys', 'locking_mode']
    const values = [...settings, 'trusted_schema', 'cell_size_check', 'cipher'].map((name) => [
      name,
      db.pragma(name, { simple: true }),
    ])
    expect(Object.fromEntries(values)).toEqual({
      journal_mode: 'wal',
      synchronous: 2,
      secure_delete: 1,
      temp_store: 2,
      foreign_keys: 1,
      locking_mode: 'exclusive',
      trusted_schema: 0,
      cell_size_check: 1,
      cipher: 'sqlcipher',
    })
  })

  it('has mode 0600 with all that lies beside it, whatever the umask and the mode before', () => {
    const old = process.umask(0)
    try {
      fill(openTest())
      for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777, name).toBe(0o600)
    } finally {
      process.umask(old)
    }
    for (const db of opened.splice(0)) db.close()
    chmodSync(path, 0o644)
    openTest()
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('is not reached through a symbolic link', () => {
    const target = join(folder, 'elsewhere.db')
    symlinkSync(target, path)
    expect(thrownBy(() => openTest()).kind).toBe('config')
    expect(existsSync(target)).toBe(false)
    openTest(MIGRATIONS, target).close()
    chmodSync(target, 0o640)
    expect(thrownBy(() => openTest()).kind).toBe('config')
    expect(statSync(target).mode & 0o777).toBe(0o640)
  })

  it('says config for a folder that is not there', () => {
    const error = thrownBy(() => openTest(MIGRATIONS, join(folder, 'none', 'test.db')))
    expect(error).toMatchObject({ kind: 'config', code: 'ENOENT' })
  })
})

describe('a full disk', () => {
  it('is said in one line, and what was written before is kept', ({ skip }) => {
    const small = join(folder, 'small')
    mkdirSync(small)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', small], { stdio: 'ignore' })
    } catch {
      skip('no right to mount a small file system')
    }
    try {
      const at = join(small, 'test.db')
      const db = openTest(MIGRATIONS, at)
      fill(db, 100)
      const error = thrownBy(() => {
        try {
          fill(db, 20_000)
        } catch (thrown) {
          throw toDatabaseError(thrown, 'ledger: land')
        }
      })
      expect(error).toMatchObject({ kind: 'config', code: 'ENOSPC', message: 'ledger: land: the disk is full' })
      db.close()
      expect(openTest(MIGRATIONS, at).prepare('SELECT count(*) FROM note').pluck().get()).toBe(100)
    } finally {
      for (const db of opened.splice(0)) db.close()
      execFileSync('umount', [small])
    }
  })
})

describe('a second user of the database', () => {
  it('is refused in the same process, and the first keeps its locks', async () => {
    openTest().close()
    openTest()
    const error = thrownBy(() => openDatabase(path, key, { migrations: MIGRATIONS }))
    expect(error).toMatchObject({ kind: 'busy', message: `${path}: in use by another process` })
    expect(await openInChild()).toBe('busy')
  })

  it('is refused in another process, and let in once the first is done', async () => {
    const db = openTest()
    expect(await openInChild()).toBe('busy')
    db.close()
    expect(await openInChild()).toBe('opened')
  })
})

describe('readers beside the one that writes', () => {
  it('see each commit, may not write, and stand in nobody’s way', () => {
    const db = openDatabase(path, key, { migrations: MIGRATIONS, readers: true })
    opened.push(db)
    const reader = readDatabase(path, key, { migrations: MIGRATIONS })
    opened.push(reader)
    const count = reader.prepare('SELECT count(*) FROM note').pluck()
    expect(count.get()).toBe(0)
    fill(db)
    expect(count.get()).toBe(500)
    expect(() => reader.exec('DELETE FROM note')).toThrow(/readonly/)
    const rows = reader.prepare('SELECT text FROM note').iterate()
    rows.next()
    fill(db)
    db.pragma('wal_checkpoint(PASSIVE)')
    rows.return?.()
    expect(count.get()).toBe(1000)
    for (const name of readdirSync(folder)) {
      expect(statSync(join(folder, name)).mode & 0o777, name).toBe(0o600)
      expect(readFileSync(join(folder, name)).includes(CANARY), name).toBe(false)
    }
  })

  it('are refused what does not fit: another key, another version, no file', () => {
    openTest(['CREATE TABLE a (x)'])
    for (const db of opened.splice(0)) db.close()
    const migrations = ['CREATE TABLE a (x)', 'CREATE TABLE b (x)']
    expect(thrownBy(() => readDatabase(path, key, { migrations }))).toMatchObject({
      kind: 'config',
      code: 'OTHER_FORMAT',
    })
    expect(thrownBy(() => readDatabase(path, randomBytes(32), { migrations })).kind).toBe('locked')
    expect(thrownBy(() => readDatabase(join(folder, 'none'), key, { migrations })).kind).toBe('config')
  })
})

describe('migrations', () => {
  it('run in order and once each', () => {
    openTest(['CREATE TABLE a (x)']).close()
    const db = openTest(['CREATE TABLE a (x)', 'CREATE TABLE b (x); INSERT INTO b VALUES (1)'])
    expect(db.pragma('user_version', { simple: true })).toBe(2)
    db.close()
    const again = openTest(['CREATE TABLE a (x)', 'CREATE TABLE b (x); INSERT INTO b VALUES (1)'])
    expect(again.prepare('SELECT count(*) FROM b').pluck().get()).toBe(1)
  })

  it('leave the version before them when one fails half-way', () => {
    const broken = ['CREATE TABLE a (x)', 'CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)']
    expect(thrownBy(() => openTest(broken)).kind).toBe('bug')
    const db = openTest(['CREATE TABLE a (x)'])
    expect(db.pragma('user_version', { simple: true })).toBe(1)
    expect(db.prepare(`SELECT name FROM sqlite_master`).pluck().all()).toEqual(['a'])
  })

  it('refuse a file of a newer version', () => {
    openTest(['CREATE TABLE a (x)', 'CREATE TABLE b (x)']).close()
    expect(thrownBy(() => openTest(['CREATE TABLE a (x)']))).toMatchObject({ kind: 'config' })
  })
})

async function openInChild(): Promise<string> {
  const child = fileURLToPath(new URL('open-child.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', child, path, key.toString('hex')],
    { timeout: 30_000 },
  )
  return stdout.trim()
}
