import { SealpostError } from '../core/errors.ts'
import type { Ledger, LimitMet, Wait } from '../core/ledger.ts'
import type { Store } from './store.ts'

type Methods = Pick<
  Ledger,
  | 'slowestAppend'
  | 'noteAppend'
  | 'isConfirmed'
  | 'noteConfirmed'
  | 'scope'
  | 'noteScope'
  | 'beginRun'
  | 'endRun'
  | 'noteWait'
  | 'waits'
  | 'limitsMet'
>

const SLOWEST_APPEND = 'slowest-append'
/** Before what was confirmed; the value is the time. */
const CONFIRMED = 'confirmed '

/** Runs, and what one run learns for the next. */
export function runMethods(store: Store): Methods {
  const selectFact = store.prepare<number>('SELECT value FROM fact WHERE name = ?').pluck()
  const raiseFact = store.prepare(
    `INSERT INTO fact (name, value) VALUES (?, ?)
     ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)`,
  )
  const selectScope = store.prepare<string | null>('SELECT scope FROM pair WHERE id = ?').pluck()
  const setScope = store.prepare('UPDATE pair SET scope = ? WHERE id = ?')
  const insertRun = store.prepare('INSERT INTO run (kind, began_at) VALUES (?, ?)')
  const updateRun = store.prepare('UPDATE run SET ended_at = ?, outcome = ? WHERE id = ?')
  const setWait = store.prepare(
    `INSERT INTO wait (pair_id, reason, until) VALUES (?, ?, ?)
     ON CONFLICT (pair_id) DO UPDATE SET reason = excluded.reason, until = excluded.until
     WHERE excluded.until > wait.until`,
  )
  const selectWaits = store.prepare<Wait>('SELECT pair_id AS pairId, reason, until FROM wait ORDER BY pair_id')
  const countWait = store.prepare(
    `INSERT INTO limit_met (pair_id, reason, waits, last) VALUES (?, ?, 1, ?)
     ON CONFLICT (pair_id, reason) DO UPDATE SET waits = waits + 1, last = max(last, excluded.last)`,
  )
  const selectLimits = store.prepare<LimitMet>(
    'SELECT pair_id AS pairId, reason, waits, last FROM limit_met ORDER BY pair_id, reason',
  )
  const clearWaits = store.prepare('DELETE FROM wait')
  // Asked after every append: only a new record is worth a commit.
  let slowest = selectFact.get(SLOWEST_APPEND) ?? 0
  const raise = store.note('noteAppend', (milliseconds: number) => {
    raiseFact.run(SLOWEST_APPEND, milliseconds)
  })

  return {
    slowestAppend: () => slowest,

    noteAppend: (milliseconds) => {
      if (!(milliseconds > slowest)) return
      raise(milliseconds)
      slowest = milliseconds
    },

    isConfirmed: store.read('isConfirmed', (id) => selectFact.get(CONFIRMED + id) !== undefined),

    noteConfirmed: store.write('noteConfirmed', (id, at) => {
      raiseFact.run(CONFIRMED + id, at)
    }),

    scope: store.read('scope', (pairId) => selectScope.get(pairId) ?? null),

    noteScope: store.note('noteScope', (pairId, scope) => {
      setScope.run(scope, pairId)
    }),

    beginRun: store.write('beginRun', (kind, at) => {
      clearWaits.run()
      return Number(insertRun.run(kind, at).lastInsertRowid)
    }),

    endRun: store.write('endRun', (run, at, outcome) => {
      clearWaits.run()
      if (updateRun.run(at, outcome, run).changes === 1) return
      throw new SealpostError('bug', `ledger: endRun: there is no run ${run}`)
    }),

    noteWait: store.note('noteWait', (pairId, reason, until) => {
      setWait.run(pairId, reason, Math.ceil(until))
      countWait.run(pairId, reason, Math.ceil(until))
    }),

    waits: store.read('waits', () => selectWaits.all()),

    limitsMet: store.read('limitsMet', () => selectLimits.all()),
  }
}
