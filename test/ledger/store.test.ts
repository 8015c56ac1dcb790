import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { MIGRATIONS } from '../../src/ledger/schema.ts'
import { createStore } from '../../src/ledger/store.ts'
import { openDatabase } from '../../src/sqlite/open-database.ts'

const [NORMAL, FULL] = [1, 2]

function createStoreOnDisk() {
  const folder = mkdtempSync(join(tmpdir(), 'store-test-'))
  const db = openDatabase(join(folder, 'ledger.db'), randomBytes(32), { migrations: MIGRATIONS })
  onTestFinished(() => {
    db.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { db, store: createStore(db) }
}

it('the disk is waited for at the end of what must not be lost, and of nothing else', () => {
  const { db, store } = createStoreOnDisk()
  const level = (): unknown => db.pragma('synchronous', { simple: true })
  expect(store.write('kept', level)()).toBe(FULL)
  expect(store.note('noted', level)()).toBe(NORMAL)
  expect(store.write('kept', level)()).toBe(FULL)
  const fails = store.note('fails', () => {
    throw new Error('in the middle')
  })
  expect(fails).toThrow('ledger: fails')
  expect(level()).toBe(FULL)
})

it('what is noted is written, and is gone with its transaction when it fails', () => {
  const { store } = createStoreOnDisk()
  const insert = store.prepare('INSERT INTO fact (name, value) VALUES (?, 1)')
  const count = store.prepare<number>('SELECT count(*) FROM fact').pluck()
  store.note('one', () => insert.run('a'))()
  const half = store.note('half', () => {
    insert.run('b')
    throw new Error('in the middle')
  })
  expect(half).toThrow()
  expect(count.get()).toBe(1)
})
