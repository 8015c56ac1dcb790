import { chmodSync, closeSync, constants, fsyncSync, lstatSync, openSync, readSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { SealpostError } from '../core/errors.ts'
import { toDatabaseError } from './database-error.ts'
import { migrate } from './migrate.ts'

/** One connection to an encrypted database; the only one that may write to its file. */
export type EncryptedDatabase = Database.Database

/** A prepared statement that gives rows of one type. */
export type PreparedStatement<Row> = Database.Statement<unknown[], Row>

/** What kind of database it is to be. */
export interface OpenOptions {
  /** SQL scripts; the n-th brings a file of version n to version n + 1. Never edited once released. */
  readonly migrations: readonly string[]
  /** Other processes may read meanwhile (`readDatabase`); whoever opens it sees to it that nobody else writes. */
  readonly readers?: boolean
}

const KEY_BYTES = 32
const PAGE_BYTES = 4096
/** How long a connection waits for another one's short lock, in milliseconds. */
const PATIENCE_MS = 5_000
const PLAIN_HEADER = Buffer.from('SQLite format 3\0', 'latin1')

interface Setting {
  readonly name: string
  readonly value: string
  readonly expected: string | number
}

/** What is set on every connection, and what must be read back. */
const READ_SETTINGS: readonly Setting[] = [
  { name: 'temp_store', value: 'MEMORY', expected: 2 },
  { name: 'trusted_schema', value: 'OFF', expected: 0 },
  { name: 'cell_size_check', value: 'ON', expected: 1 },
]

/** The same for one that writes, after its locking mode. */
const WRITE_SETTINGS: readonly Setting[] = [
  { name: 'journal_mode', value: 'WAL', expected: 'wal' },
  { name: 'synchronous', value: 'FULL', expected: 2 },
  { name: 'secure_delete', value: 'ON', expected: 1 },
  { name: 'foreign_keys', value: 'ON', expected: 1 },
  ...READ_SETTINGS,
]

const ALONE: Setting = { name: 'locking_mode', value: 'EXCLUSIVE', expected: 'exclusive' }
const WITH_READERS: Setting = { name: 'locking_mode', value: 'NORMAL', expected: 'normal' }

/** What the cipher must say of itself once the key is set. The package's default cipher is another one. */
const CIPHER_FACTS: readonly { readonly name: string; readonly expected: string }[] = [
  { name: 'cipher', expected: 'sqlcipher' },
  { name: 'legacy', expected: '4' },
  { name: 'hmac_use', expected: '1' },
]

/**
 * Opens or creates a database that is encrypted whole (SQLCipher 4: AES-256-CBC and HMAC-SHA-512 a page) under a raw
 * key of 32 bytes, and brings it to the newest version. Cipher and settings are read back. The key is neither kept
 * nor turned into a string; the caller wipes it. The file and what SQLite lays beside it have mode 0600.
 *
 * The connection is the only one: a second one, of this process or another, is refused with `busy`. With `readers` it
 * is the only one that writes, which then the caller's own lock has to ensure.
 * Throws `locked` (the key does not open it), `corrupt` (cut short, damaged or never encrypted), `busy`, and
 * `config` (no permission, full disk, or written by a newer version).
 */
export function openDatabase(path: string, key: Buffer, options: OpenOptions): EncryptedDatabase {
  if (key.length !== KEY_BYTES) throw new SealpostError('bug', `${path}: a database key has ${KEY_BYTES} bytes`)
  if (prepareFile(path)) {
    connect(path, key, options).close()
    expectEncrypted(path)
  }
  return connect(path, key, options)
}

function connect(path: string, key: Buffer, options: OpenOptions): EncryptedDatabase {
  let db: EncryptedDatabase | undefined
  try {
    const readers = options.readers === true
    db = new Database(path, { timeout: readers ? PATIENCE_MS : 0 })
    setKey(db, path, key)
    set(db, path, [readers ? WITH_READERS : ALONE, ...WRITE_SETTINGS])
    migrate(db, path, options.migrations)
    return db
  } catch (error) {
    db?.close()
    throw toOpenError(error, path)
  }
}

/**
 * Opens a database that another process may be writing, for reading alone: what it had committed at each statement is
 * seen. The file must be there. The key as with `openDatabase`. Throws what `openDatabase` throws; `config` with the code
 * `OTHER_FORMAT` when the file's version is not the one of `migrations`, which only a connection that writes can mend.
 */
export function readDatabase(
  path: string,
  key: Buffer,
  { migrations }: Pick<OpenOptions, 'migrations'>,
): EncryptedDatabase {
  if (key.length !== KEY_BYTES) throw new SealpostError('bug', `${path}: a database key has ${KEY_BYTES} bytes`)
  let db: EncryptedDatabase | undefined
  try {
    db = new Database(path, { readonly: true, fileMustExist: true, timeout: PATIENCE_MS })
    setKey(db, path, key)
    set(db, path, READ_SETTINGS)
    const version = Number(db.pragma('user_version', { simple: true }))
    if (version !== migrations.length) {
      throw new SealpostError('config', `${path}: format ${version} is not format ${migrations.length}`, {
        code: 'OTHER_FORMAT',
        hint: 'use one version of Sealpost for the project',
      })
    }
    return db
  } catch (error) {
    db?.close()
    throw toOpenError(error, path)
  }
}

/**
 * Opens an existing database of any version as it is, for work on the file itself: no migration, and no waiting. Throws
 * `locked` when the key does not open it, `busy` while another connection writes.
 */
export function connectAlone(path: string, key: Buffer): EncryptedDatabase {
  let db: EncryptedDatabase | undefined
  try {
    db = new Database(path, { fileMustExist: true, timeout: 0 })
    setKey(db, path, key)
    set(db, path, READ_SETTINGS)
    db.pragma('user_version')
    return db
  } catch (error) {
    db?.close()
    throw toOpenError(error, path)
  }
}

function set(db: EncryptedDatabase, path: string, settings: readonly Setting[]): void {
  for (const { name, value, expected } of settings) {
    db.pragma(`${name} = ${value}`)
    expectPragma(db, path, name, expected)
  }
}

/**
 * Creates the file with its mode before SQLite can, or mends its mode; returns whether it is new or still empty.
 * An existing one is looked at by name alone: closing any descriptor of it would drop the locks that a connection of
 * this process holds on it (POSIX, close(2) and fcntl(2)).
 */
function prepareFile(path: string): boolean {
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats === undefined) {
      closeSync(openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600))
      syncFolder(path)
      return true
    }
    if (!stats.isFile()) throw new SealpostError('config', `${path}: not a plain file`)
    if ((stats.mode & 0o777) !== 0o600) chmodSync(path, 0o600)
    return stats.size === 0
  } catch (error) {
    if (error instanceof SealpostError) throw error
    throw new SealpostError('config', `${path}: the file cannot be opened for writing`, {
      ...codeOf(error),
      cause: error,
      hint: 'check its folder, owner and permissions',
    })
  }
}

/** A new file's name must outlive a power cut as well. Folders cannot be opened on Windows, which needs no such call. */
export function syncFolder(path: string): void {
  if (process.platform === 'win32') return
  const folder = openSync(dirname(path), constants.O_RDONLY)
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/**
 * Hands over the key as bytes: `x'<64 hex>'` is how the cipher is told to take a key as it is instead of deriving one.
 * A pragma would do the same, but its text would stay in memory as a string that cannot be wiped.
 */
function setKey(db: EncryptedDatabase, path: string, key: Buffer): void {
  db.pragma(`cipher = 'sqlcipher'`)
  db.pragma('legacy = 4')
  const raw = keyText(key)
  try {
    if (db.key(raw) !== 0) throw new SealpostError('bug', `${path}: the key could not be set`)
  } finally {
    raw.fill(0)
  }
  for (const { name, expected } of CIPHER_FACTS) expectPragma(db, path, name, expected)
}

/** The key as the cipher takes it; the caller wipes it. */
export function keyText(key: Buffer): Buffer {
  const raw = Buffer.allocUnsafeSlow(2 * KEY_BYTES + 3)
  raw.write(`x'`, 0, 'latin1')
  for (const [i, byte] of key.entries()) {
    raw[2 + 2 * i] = hexDigit(byte >> 4)
    raw[3 + 2 * i] = hexDigit(byte & 15)
  }
  raw.write(`'`, raw.length - 1, 'latin1')
  return raw
}

function hexDigit(nibble: number): number {
  return nibble < 10 ? 0x30 + nibble : 0x61 + nibble - 10
}

function expectPragma(db: EncryptedDatabase, path: string, name: string, expected: string | number): void {
  const actual: unknown = db.pragma(name, { simple: true })
  if (actual !== expected) {
    throw new SealpostError('bug', `${path}: ${name} is not ${expected}`, {
      hint: 'the installed SQLite package is not the one that Sealpost needs',
    })
  }
}

/** The last word on a new file has the file itself. No connection may be open: see `prepareFile`. */
function expectEncrypted(path: string): void {
  if (startOf(path).length === PAGE_BYTES && !isPlain(path)) return
  throw new SealpostError('bug', `${path}: the file was not encrypted`)
}

function isPlain(path: string): boolean {
  return startOf(path).subarray(0, PLAIN_HEADER.length).equals(PLAIN_HEADER)
}

/** The first page, or as much of it as there is. */
function startOf(path: string): Buffer {
  const descriptor = openSync(path, constants.O_RDONLY)
  try {
    const page = Buffer.alloc(PAGE_BYTES)
    return page.subarray(0, readSync(descriptor, page, 0, page.length, 0))
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Says why the first page was not accepted. The connection is closed; this process has no other one to the file, or its
 * first page would have been accepted. Nothing tells a wrong key from a first page that was changed.
 */
function toOpenError(error: unknown, path: string): SealpostError {
  const mapped = toDatabaseError(error, path)
  if (mapped.code !== 'SQLITE_NOTADB') return mapped
  if (isPlain(path)) return new SealpostError('corrupt', `${path}: the file is not encrypted`)
  if (startOf(path).length < PAGE_BYTES) return new SealpostError('corrupt', `${path}: the file is cut short`)
  return new SealpostError('locked', `${path}: this key does not open the file`, { code: 'SQLITE_NOTADB' })
}

function codeOf(error: unknown): { readonly code?: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
}
