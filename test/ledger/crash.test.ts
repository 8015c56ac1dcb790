import { spawn } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { openLedger } from '../../src/ledger/open-ledger.ts'
import { MIGRATIONS } from '../../src/ledger/schema.ts'
import { openDatabase } from '../../src/sqlite/open-database.ts'
import { bundleProgram } from '../child-program.ts'
import { CRASH_BATCH, CRASH_PAGE } from './crash-sizes.ts'
import { thrownBy } from '../thrown-by.ts'
import { createFixture, deliver, list } from './fixture.ts'

const ROUNDS = 8

let folder: string
let path: string
let key: Buffer
let program: string

beforeAll(async () => {
  program = await bundleProgram(new URL('crash-child.ts', import.meta.url))
})
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ledger-crash-'))
  path = join(folder, 'ledger.db')
  key = randomBytes(32)
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe('a process that is killed', () => {
  it('leaves whole transactions alone, and all that it was told were done', async () => {
    let before = 0
    for (let round = 0; round < ROUNDS; round++) {
      const said = await runUntilKilled()
      const ledger = openLedger(path, key)
      const totals = ledger.totals({})
      const [mailbox] = ledger.mailboxes(1)
      if (mailbox === undefined) throw new Error('no mailbox')
      const delivered = ledger.delivered(mailbox.id, 0, 1e6)
      const inDoubt = ledger.inDoubt(mailbox.id)
      ledger.close()

      expect(totals.source % CRASH_PAGE).toBe(0)
      expect(totals.landed % CRASH_BATCH).toBe(0)
      expect([0, CRASH_BATCH]).toContain(totals.appending)
      expect(totals.discovered).toBe(totals.source - totals.landed - totals.appending)
      expect(totals.source).toBeGreaterThanOrEqual(said.get('listed') ?? 0)
      expect(totals.landed).toBeGreaterThanOrEqual(said.get('landed') ?? 0)
      expect(totals.landed + totals.appending).toBeGreaterThanOrEqual(said.get('intended') ?? 0)
      expect(totals.landed).toBeGreaterThan(before)
      expect(delivered).toHaveLength(totals.landed)
      for (const row of delivered) expect(row.destinationKey).toBe(`k${row.id}`)
      for (const row of inDoubt) expect(row.digests).not.toBeNull()
      checkFile()
      before = totals.landed
    }
  }, 180_000)
})

describe('a damaged ledger', () => {
  it('throws corrupt, names no content, and does not go on', () => {
    const { ledger, inbox, path: damaged, key: its } = createFixture()
    const ids = list(
      ledger,
      inbox.id,
      Array.from({ length: 900 }, (_, i) => String(i + 1)),
    )
    for (const id of ids.slice(0, 3)) deliver(ledger, id, String(id))
    ledger.close()
    const bytes = readFileSync(damaged)
    for (let page = 3; page < bytes.length / 4096; page++)
      bytes[page * 4096 + 99] = (bytes[page * 4096 + 99] ?? 0) ^ 1
    writeFileSync(damaged, bytes)
    const error = thrownBy(() => {
      const again = openLedger(damaged, its)
      try {
        again.delivered(inbox.id, 0, 1000)
      } finally {
        again.close()
      }
    })
    expect(error).toMatchObject({ kind: 'corrupt' })
    expect(error.code).toMatch(/^SQLITE_CORRUPT/)
  })
})

/** Lets a child work for a moment after it has begun; returns the last count that it said of each thing. */
async function runUntilKilled(): Promise<Map<string, number>> {
  const child = spawn(process.execPath, [program, path, key.toString('hex')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const counts = new Map<string, number>()
  let timed = false
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    const [what = '', count = ''] = line.split(' ')
    counts.set(what, Number(count))
    if (timed || what !== 'landed') return
    timed = true
    systemClock.after(randomInt(20, 250), () => child.kill('SIGKILL'))
  })
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
  expect(signal).toBe('SIGKILL')
  return counts
}

function checkFile(): void {
  const db = openDatabase(path, key, { migrations: MIGRATIONS })
  try {
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
    const counted = db
      .prepare(
        'SELECT state, count(*) AS messages, sum(bytes) AS bytes FROM message GROUP BY state ORDER BY state',
      )
      .all()
    const counters = db
      .prepare('SELECT state, messages, bytes FROM counter WHERE messages <> 0 ORDER BY state')
      .all()
    expect(counters).toEqual(counted)
  } finally {
    db.close()
  }
}
