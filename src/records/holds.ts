import type { Actor } from '../core/audit.ts'
import { formatInstant } from '../core/clock.ts'
import { SealpostError } from '../core/errors.ts'
import type { HeldProject, Hold } from './record-types.ts'
import { eventOf, nameOf, type Store } from './store.ts'
import { cleanText } from './text.ts'

/** Legal holds. Several may stand on one project, each for its own reason; it is held until all are released. */
export interface HoldBook {
  /** Returns the hold's number. The project need not have a record yet. Twice sets two. */
  setHold(by: Actor, project: string, reason: string, signal: AbortSignal): Promise<number>
  /** Throws `not-found` for a number that is none, `policy` for one that was released before. */
  releaseHold(by: Actor, id: number, reason: string, signal: AbortSignal): Promise<void>
  /** All of them, the released ones too, in the order in which they were set. */
  holds(): readonly Hold[]
  heldProjects(): readonly HeldProject[]
  /** Throws `policy`, naming the holds and since when, where the project is under one. */
  assertNotHeld(project: string): void
}

interface HoldRow {
  readonly id: number
  readonly project: string
  readonly set_by: string
  readonly set_at: number
  readonly reason: string
  readonly released_by: string | null
  readonly released_at: number | null
  readonly released_for: string | null
}

/** The methods for legal holds (promise P13). */
export function holdMethods(store: Store): HoldBook {
  const insert = store.prepare('INSERT INTO hold (project, set_by, set_at, reason) VALUES (?, ?, ?, ?)')
  const update = store.prepare(
    'UPDATE hold SET released_by = ?, released_at = ?, released_for = ? WHERE id = ? AND released_at IS NULL',
  )
  const selectOne = store.prepare<HoldRow>('SELECT * FROM hold WHERE id = ?')
  const selectAll = store.prepare<HoldRow>('SELECT * FROM hold ORDER BY id')

  const heldProjects = (): readonly HeldProject[] => {
    const held = new Map<string, HeldProject>()
    for (const { id, project, set_by, set_at } of readStanding()) {
      const known = held.get(project)
      held.set(project, {
        project,
        by: known?.by ?? set_by,
        since: known?.since ?? set_at,
        holds: [...(known?.holds ?? []), id],
      })
    }
    return [...held.values()]
  }
  const readStanding = (): readonly HoldRow[] =>
    store.read('holds', () => selectAll.all()).filter(({ released_at }) => released_at === null)

  return {
    setHold: async (by, project, reason, signal) => {
      const name = nameOf(by)
      const text = cleanText(reason, 'the reason for the hold')
      // The database first: a hold that the log does not know protects all the same.
      const id = store.write('setHold', () =>
        Number(insert.run(project, name, store.clock.now(), text).lastInsertRowid),
      )
      const over = { project, object: `hold-${id}`, personal: { reason: text } }
      await store.log.append(eventOf(by, 'hold-set', over), signal)
      return id
    },

    releaseHold: async (by, id, reason, signal) => {
      const name = nameOf(by)
      const text = cleanText(reason, 'the reason for the release')
      const row = store.read('releaseHold', () => selectOne.get(id))
      if (row === undefined) throw new SealpostError('not-found', `there is no hold ${id}`)
      if (row.released_at !== null) {
        throw new SealpostError('policy', `hold ${id} was released at ${formatInstant(row.released_at)}`)
      }
      // The log first: nothing is let go without a trace.
      const over = { project: row.project, object: `hold-${id}`, personal: { reason: text } }
      await store.log.append(eventOf(by, 'hold-released', over), signal)
      store.write('releaseHold', () => update.run(name, store.clock.now(), text, id))
    },

    holds: () => store.read('holds', () => selectAll.all()).map(toHold),

    heldProjects,

    assertNotHeld: (project) => {
      const held = heldProjects().find((one) => one.project === project)
      if (held === undefined) return
      const numbers = held.holds.join(', ')
      throw new SealpostError('policy', `the project is under legal hold since ${formatInstant(held.since)}`, {
        code: 'HELD',
        hint: `see "sealpost hold list"; hold ${numbers} would have to be released`,
      })
    },
  }
}

function toHold(row: HoldRow): Hold {
  const { released_by, released_at, released_for } = row
  return {
    id: row.id,
    project: row.project,
    setBy: row.set_by,
    setAt: row.set_at,
    reason: row.reason,
    released: released_at === null ? null : { by: released_by ?? '', at: released_at, reason: released_for ?? '' },
  }
}
