import type { Actor } from '../core/audit.ts'
import { formatInstant } from '../core/clock.ts'
import { endOfRetention } from './retention.ts'
import type { HoldBook } from './holds.ts'
import { DELETION_METHOD } from './record-types.ts'
import { eventOf, type Store } from './store.ts'

/** Something whose period is over. */
export interface DueItem {
  readonly kind: 'record' | 'contacts' | 'incident' | 'holds'
  /** The project, or the incident's number. */
  readonly id: string
  readonly lastDay: string
  /** Why it stays all the same; null where it goes. */
  readonly blockedBy: 'hold' | 'restriction' | 'incident' | null
  /** `blockedBy` in words, with the date. */
  readonly because: string | null
}

/** What a sweep did. */
export interface SweepReport {
  readonly at: number
  readonly purged: readonly DueItem[]
  readonly kept: readonly DueItem[]
  /** Entries of the audit log whose content went with a record. */
  readonly logEntries: number
  readonly method: string
}

/** Retention, carried out. */
export interface Sweeper {
  /** What is over by now, and what a sweep would do about it. */
  due(): readonly DueItem[]
  /**
   * Purges what is over, unless something blocks it; the log's entries of a project go with its record, and the log says
   * so. A crash in between leaves the rest for the next sweep. Twice is safe.
   */
  sweep(by: Actor, signal: AbortSignal): Promise<SweepReport>
}

interface DueRow {
  readonly id: string
  readonly last_day: string
  readonly restricted_at: number | null
}

interface IncidentRow {
  readonly number: string
  readonly projects: string
  readonly last_day: string | null
  readonly over_at: number | null
}

interface ReleasedRow {
  readonly project: string
  readonly released_at: number
}

/** The methods for retention (promise P9). */
export function sweepMethods(store: Store, holds: HoldBook): Sweeper {
  const dueRecords = store.prepare<DueRow>(
    'SELECT project AS id, last_day, restricted_at FROM record WHERE over_at <= ? ORDER BY over_at, project',
  )
  const dueContacts = store.prepare<DueRow>(
    `SELECT DISTINCT contact.project AS id, contact.last_day, record.restricted_at
     FROM contact JOIN record ON record.project = contact.project
     WHERE contact.over_at <= ? AND record.over_at > ? ORDER BY contact.over_at, contact.project`,
  )
  const incidents = store.prepare<IncidentRow>(
    'SELECT number, projects, last_day, over_at FROM incident ORDER BY id',
  )
  const released = store.prepare<ReleasedRow>(
    `SELECT project, max(released_at) AS released_at FROM hold
     WHERE project NOT IN (SELECT project FROM record)
     GROUP BY project HAVING count(*) = count(released_at) ORDER BY project`,
  )
  const removeRecord = store.prepare('DELETE FROM record WHERE project = ?')
  const removeContacts = store.prepare('DELETE FROM contact WHERE project = ? AND over_at <= ?')
  const removeIncident = store.prepare('DELETE FROM incident WHERE number = ?')
  const removeHolds = store.prepare('DELETE FROM hold WHERE project = ?')

  const due = (): readonly DueItem[] =>
    store.read('due', () => {
      const now = store.clock.now()
      const held = new Map(holds.heldProjects().map((one) => [one.project, one]))
      const all = incidents.all().map((row) => ({ ...row, names: JSON.parse(row.projects) as readonly string[] }))
      const open = all.filter(({ over_at }) => over_at === null)

      const judge = (
        projects: readonly string[],
        restrictedAt: number | null,
      ): Pick<DueItem, 'blockedBy' | 'because'> => {
        const hold = projects.map((project) => held.get(project)).find((one) => one !== undefined)
        if (hold !== undefined) {
          return {
            blockedBy: 'hold',
            because: `legal hold since ${formatInstant(hold.since)}, until it is released`,
          }
        }
        if (restrictedAt !== null) {
          const because = `restricted since ${formatInstant(restrictedAt)}, until the restriction is lifted`
          return { blockedBy: 'restriction', because }
        }
        const incident = open.find(({ names }) => names.some((name) => projects.includes(name)))
        if (incident === undefined) return { blockedBy: null, because: null }
        return { blockedBy: 'incident', because: `incident ${incident.number} is not closed` }
      }

      const items: DueItem[] = []
      for (const { id, last_day, restricted_at } of dueRecords.all(now)) {
        items.push({ kind: 'record', id, lastDay: last_day, ...judge([id], restricted_at) })
      }
      for (const { id, last_day, restricted_at } of dueContacts.all(now, now)) {
        items.push({ kind: 'contacts', id, lastDay: last_day, ...judge([id], restricted_at) })
      }
      for (const { number, names, last_day, over_at } of all) {
        if (over_at === null || over_at > now) continue
        items.push({ kind: 'incident', id: number, lastDay: last_day ?? '', ...judge(names, null) })
      }
      for (const { project, released_at } of released.all()) {
        const { lastDay, over } = endOfRetention(store.policy, 'record', released_at)
        if (over <= now) items.push({ kind: 'holds', id: project, lastDay, blockedBy: null, because: null })
      }
      return items
    })

  const remove = (item: DueItem): void => {
    if (item.kind === 'record') {
      removeRecord.run(item.id)
      removeHolds.run(item.id)
    } else if (item.kind === 'contacts') removeContacts.run(item.id, store.clock.now())
    else if (item.kind === 'incident') removeIncident.run(item.id)
    else removeHolds.run(item.id)
  }

  return {
    due,

    sweep: async (by, signal) => {
      const items = due()
      const purged: DueItem[] = []
      let logEntries = 0
      const going = items.filter(({ blockedBy }) => blockedBy === null)
      const ended = going.filter(({ kind }) => kind === 'record' || kind === 'incident').map(({ id }) => id)
      const entries = await entriesOf(store, new Set(ended), signal)
      for (const item of going) {
        const { kind, id, lastDay } = item
        const leaves = kind === 'record' || kind === 'incident' ? (entries.get(id) ?? []) : []
        const facts = { kind, keptUntil: lastDay, entries: leaves.length }
        const whose = kind === 'incident' ? { object: id } : { project: id }
        // The log first: what is purged without a line there would look like tampering.
        const receipt = await store.log.erase(
          eventOf(by, 'sweep', { ...whose, facts }),
          { leaves, personal: [] },
          signal,
        )
        logEntries += receipt.leaves.length
        store.write('sweep', () => {
          remove(item)
          store.oweCompaction()
        })
        purged.push(item)
      }
      store.compact()
      const kept = items.filter(({ blockedBy }) => blockedBy !== null)
      return { at: store.clock.now(), purged, kept, logEntries, method: DELETION_METHOD }
    },
  }
}

/**
 * The indexes of the log's entries of each project and of each incident that belongs to no project; those that account
 * for erasures stay, and are not counted.
 */
async function entriesOf(
  store: Store,
  ids: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const found = new Map<string, number[]>()
  if (ids.size === 0) return found
  for await (const { index, entry } of store.log.entries(signal)) {
    const id = entry?.project ?? entry?.object
    if (id == null || !ids.has(id) || entry?.erased !== null) continue
    const indexes = found.get(id)
    if (indexes === undefined) found.set(id, [index])
    else indexes.push(index)
  }
  return found
}
