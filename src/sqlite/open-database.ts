import { closeSync, constants, fchmodSync, fstatSync, fsyncSync, openSync, readSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { SealpostError, toSealpostError } from '../core/errors.ts'
import { toDatabaseError } from './database-error.ts'
import { migrate } from './migrate.ts'

export type EncryptedDatabase = Database.Database

export interface OpenOptions {
  /** SQL scripts; the n-th brings a file of version n to version n + 1. Never edited once released. */
  readonly migrations: readonly string[]
}

const KEY_BYTES = 32
const PAGE_BYTES = 4096
const PLAIN_HEADER = Buffer.from('SQLite format 3\0', 'latin1')

/** What is set on every connection, and what must be read back. */
const SETTINGS: readonly { readonly name: string; readonly value: string; readonly expected: string | number }[] =
  [
    { name: 'locking_mode', value: 'EXCLUSIVE', expected: 'exclusive' },
    { name: 'journal_mode', value: 'WAL', expected: 'wal' },
    { name: 'synchronous', value: 'FULL', expected: 2 },
    { name: 'secure_delete', value: 'ON', expected: 1 },
    { name: 'temp_store', value: 'MEMORY', expected: 2 },
    { name: 'trusted_schema', value: 'OFF', expected: 0 },
    { name: 'cell_size_check', value: 'ON', expected: 1 },
    { name: 'foreign_keys', value: 'ON', expected: 1 },
  ]

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
 * The connection is the only one: a second one, of this process or another, is refused with `busy`.
 * Throws `locked` (the key does not open it), `corrupt` (cut short, damaged or never encrypted), `busy`, and
 * `config` (no permission, full disk, or written by a newer version).
 */
export function openDatabase(path: string, key: Buffer, options: OpenOptions): EncryptedDatabase {
  if (key.length !== KEY_BYTES) throw new SealpostError('bug', `${path}: a database key has ${KEY_BYTES} bytes`)
  prepareFile(path)
  let db: EncryptedDatabase | undefined
  try {
    db = new Database(path, { timeout: 0 })
    setKey(db, path, key)
    for (const { name, value, expected } of SETTINGS) {
      db.pragma(`${name} = ${value}`)
      expectPragma(db, path, name, expected)
    }
    migrate(db, path, options.migrations)
    expectEncrypted(path)
    return db
  } catch (error) {
    db?.close()
    throw error instanceof SealpostError ? error : toOpenError(error, path)
  }
}

/** Creates the file with its mode before SQLite can; what is there already must look like one of ours. */
function prepareFile(path: string): void {
  let descriptor: number
  try {
    descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  } catch (error) {
    throw new SealpostError('config', `${path}: the file cannot be opened for writing`, {
      ...codeOf(error),
      cause: error,
      hint: 'check its folder, owner and permissions',
    })
  }
  try {
    fchmodSync(descriptor, 0o600)
    const { size } = fstatSync(descriptor)
    if (size > 0 && isPlain(descriptor)) throw new SealpostError('corrupt', `${path}: the file is not encrypted`)
    if (size > 0 && size < PAGE_BYTES) throw new SealpostError('corrupt', `${path}: the file is cut short`)
    if (size === 0) syncFolder(path)
  } catch (error) {
    throw toSealpostError(error, path)
  } finally {
    closeSync(descriptor)
  }
}

/** A new file's name must outlive a power cut as well. Folders cannot be opened on Windows, which needs no such call. */
function syncFolder(path: string): void {
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
  const raw = Buffer.allocUnsafeSlow(2 * KEY_BYTES + 3)
  try {
    raw.write(`x'`, 0, 'latin1')
    for (const [i, byte] of key.entries()) {
      raw[2 + 2 * i] = hexDigit(byte >> 4)
      raw[3 + 2 * i] = hexDigit(byte & 15)
    }
    raw.write(`'`, raw.length - 1, 'latin1')
    if (db.key(raw) !== 0) throw new SealpostError('bug', `${path}: the key could not be set`)
  } finally {
    raw.fill(0)
  }
  for (const { name, expected } of CIPHER_FACTS) expectPragma(db, path, name, expected)
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

/** The last word has the file itself. By now its first page has been written. */
function expectEncrypted(path: string): void {
  const descriptor = openSync(path, constants.O_RDONLY)
  try {
    const plain = isPlain(descriptor) || fstatSync(descriptor).size < PAGE_BYTES
    if (plain) throw new SealpostError('bug', `${path}: the file was not encrypted`)
  } finally {
    closeSync(descriptor)
  }
}

function isPlain(descriptor: number): boolean {
  const head = Buffer.alloc(PLAIN_HEADER.length)
  readSync(descriptor, head, 0, head.length, 0)
  return head.equals(PLAIN_HEADER)
}

/** Until the first page has been authenticated, nothing tells a wrong key from a damaged first page. */
function toOpenError(error: unknown, path: string): SealpostError {
  const mapped = toDatabaseError(error, path)
  if (mapped.code !== 'SQLITE_NOTADB') return mapped
  return new SealpostError('locked', `${path}: this key does not open the file`, { code: 'SQLITE_NOTADB' })
}

function codeOf(error: unknown): { readonly code?: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
}
