import Database from 'better-sqlite3'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openLedger } from '../../src/ledger/open-ledger.ts'
import { MIGRATIONS } from '../../src/ledger/schema.ts'
import { openDatabase } from '../../src/sqlite/open-database.ts'
import { createFixture } from './fixture.ts'

/** Statements that may sort, or read a whole table: each with the reason. */
const EXCEPTIONS: readonly { readonly starts: string; readonly why: string }[] = [
  { starts: 'SELECT id, source, destination FROM pair ORDER', why: 'all pairs are asked for' },
  { starts: 'SELECT pair_id AS pairId, reason', why: 'all waits are asked for, one a pair' },
  { starts: 'DELETE FROM wait', why: 'all waits go, one a pair' },
  {
    starts: 'SELECT count(*) FROM (SELECT 1 FROM message INDEXED BY message_pending',
    why: 'counts up to a limit',
  },
  { starts: 'SELECT finding.*', why: 'all findings are asked for' },
  { starts: 'SELECT state, sum(messages)', why: 'reads counters: seven a mailbox' },
  { starts: 'SELECT ifnull(sum(messages', why: 'reads counters: seven a mailbox' },
  { starts: 'SELECT ifnull(sum(identical', why: 'reads counters: seven a mailbox' },
  { starts: 'SELECT * FROM message WHERE mailbox_id = ? AND match_digest', why: 'sorts twins' },
  {
    starts: 'UPDATE message INDEXED BY message_exception',
    why: 'all exceptions are asked for, and read by their index',
  },
  { starts: 'SELECT max(id) AS last', why: 'looks at as many rows as one call changes' },
  { starts: 'SELECT candidate.*', why: 'sorts what was asked for' },
  { starts: 'SELECT mailbox.*, destination.path', why: 'sorts the mailboxes of one pair' },
]

afterEach(() => {
  vi.restoreAllMocks()
})

describe('the statements of the ledger', () => {
  it('look rows up by an index and neither read whole tables nor sort', () => {
    const { ledger, path, key } = createFixture()
    ledger.close()
    const statements = recordStatements(() => {
      openLedger(path, key).close()
    })
    expect(statements.length).toBeGreaterThan(50)
    const used = new Set<string>()
    const db = openDatabase(path, key, { migrations: MIGRATIONS })
    try {
      for (const sql of statements) {
        const exception = EXCEPTIONS.find(({ starts }) => sql.startsWith(starts))
        const slow = planOf(db, sql).filter((line) => /^SCAN (?!json_each)|TEMP B-TREE/.test(line))
        if (exception !== undefined && slow.length > 0) used.add(exception.starts)
        else expect(slow, sql).toEqual([])
      }
    } finally {
      db.close()
    }
    expect([...used].sort()).toEqual(EXCEPTIONS.map(({ starts }) => starts).sort())
  })
})

function recordStatements(action: () => void): readonly string[] {
  const prepare = vi.spyOn(Database.prototype, 'prepare')
  action()
  return prepare.mock.calls.map(([sql]) => sql.replace(/\s+/g, ' ').trim()).filter((sql) => !/^PRAGMA/i.test(sql))
}

function planOf(db: Database.Database, sql: string): readonly string[] {
  const names = [...sql.matchAll(/@(\w+)/g)].map((match) => match[1] ?? '')
  const places = sql.match(/\?/g)?.length ?? 0
  const values =
    names.length > 0 ? [Object.fromEntries(names.map((name) => [name, null]))] : Array<null>(places).fill(null)
  const lines = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values) as { readonly detail: string }[]
  return lines.map((line) => line.detail)
}
