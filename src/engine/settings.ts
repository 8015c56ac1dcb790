import type { Clock } from '../core/clock.ts'
import type { Connector } from '../core/connector.ts'
import type { EventSink } from '../core/events.ts'
import type { Ledger } from '../core/ledger.ts'
import type { WorkHours } from '../core/work-hours.ts'
import type { Spool } from '../core/ports.ts'
import type { ByteBudget } from '../core/byte-budget.ts'
import type { MappingRules } from './mapping.ts'
import type { Pace } from './pace.ts'

/** What keeps mail out of a project. What a filter excludes is not source. */
export interface Filters {
  /** Milliseconds since 1970: only mail received at or after, and before, these instants. */
  readonly after: number | null
  readonly before: number | null
  readonly maxBytes: number | null
  readonly skipDeleted: boolean
}

/** Bounds within which a run works. */
export interface Limits {
  /** Pairs worked on at once. */
  readonly accounts: number
  /** Lanes a pair at most: each is one session at both ends. Never more than both ends' capability. */
  readonly lanes: number
  /** Lanes that a pair begins with. Others join them while each makes it faster. */
  readonly lanesAtFirst: number
  /** Bytes in flight over all lanes, every copy counted. */
  readonly memoryBytes: number
  /** What the connectors' rate is (`metered`), so that slices are no larger than a second of it; null without one. */
  readonly bytesPerSecond: number | null
  /** Nothing is begun outside of them; null: at any time. */
  readonly hours: WorkHours | null
}

/** What a run works with. */
export interface EngineContext {
  readonly source: Connector
  readonly destination: Connector
  readonly ledger: Ledger
  readonly spool: Spool
  readonly clock: Clock
  readonly events: EventSink
  readonly mapping: MappingRules
  readonly filters: Filters
  readonly limits: Limits
  readonly budget: ByteBudget
  /** Where somebody watches who may pause the run; else it goes as its limits say. */
  readonly pace?: Pace
}

/** The limits of a project that names none. */
export const DEFAULT_LIMITS: Limits = {
  accounts: 4,
  lanes: 8,
  lanesAtFirst: 4,
  memoryBytes: 64 * 1024 * 1024,
  bytesPerSecond: null,
  hours: null,
}

/** What settings ask for of each account, as a text that changes when that does. Where it goes is no part of it. */
export function scopeOf(
  { after, before, maxBytes, skipDeleted }: Filters,
  { include, exclude, labels }: MappingRules,
): string {
  return JSON.stringify([after, before, maxBytes, skipDeleted, [...include].sort(), [...exclude].sort(), labels])
}

/** The filters of a project that names none. */
export const NO_FILTERS: Filters = { after: null, before: null, maxBytes: null, skipDeleted: false }

/** The mapping of a project that names none. */
export const DEFAULT_MAPPING: MappingRules = {
  rules: [],
  include: [],
  exclude: [],
  specialUse: true,
  labels: 'single',
}
