import { SealpostError } from '../core/errors.ts'
import type { Ledger } from '../core/ledger.ts'
import type { Store } from './store.ts'

type Methods = Pick<Ledger, 'slowestAppend' | 'noteAppend' | 'beginRun' | 'endRun'>

const SLOWEST_APPEND = 'slowest-append'

/** Runs, and what one run learns for the next. */
export function runMethods(store: Store): Methods {
  const selectFact = store.prepare<number>('SELECT value FROM fact WHERE name = ?').pluck()
  const raiseFact = store.prepare(
    `INSERT INTO fact (name, value) VALUES (?, ?)
     ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)`,
  )
  const insertRun = store.prepare('INSERT INTO run (kind, began_at) VALUES (?, ?)')
  const updateRun = store.prepare('UPDATE run SET ended_at = ?, outcome = ? WHERE id = ?')
  // Asked after every append: only a new record is worth a commit.
  let slowest = selectFact.get(SLOWEST_APPEND) ?? 0
  const raise = store.write('noteAppend', (milliseconds: number) => {
    raiseFact.run(SLOWEST_APPEND, milliseconds)
  })

  return {
    slowestAppend: () => slowest,

    noteAppend: (milliseconds) => {
      if (!(milliseconds > slowest)) return
      raise(milliseconds)
      slowest = milliseconds
    },

    beginRun: store.write('beginRun', (kind, at) => Number(insertRun.run(kind, at).lastInsertRowid)),

    endRun: store.write('endRun', (run, at, outcome) => {
      if (updateRun.run(at, outcome, run).changes === 1) return
      throw new SealpostError('bug', `ledger: endRun: there is no run ${run}`)
    }),
  }
}
