import type { AuditEntry, LoggedEntry } from '../core/audit.ts'

/** What a breach may have touched: some projects or all, in a stretch of time. */
export interface ExposureScope {
  /** Null for every project that the log knows. */
  readonly projects: readonly string[] | null
  /** Null where nobody knows when it began. */
  readonly from: number | null
  readonly to: number
}

/** What lay open of one project, as far as the log knows. Sums are upper limits. */
export interface ProjectExposure {
  readonly project: string
  /** Whose data; null where no name was given for the project. */
  readonly client: string | null
  /** Names of the credentials that the vault held in that time. */
  readonly credentials: readonly string[]
  readonly accounts: number
  readonly messages: number
  readonly bytes: number
  /** Backups that had been made and not yet handed over. */
  readonly backups: number
  /** Operators who were active in it in that time. */
  readonly operators: readonly string[]
  /** Signed off before it began: no credential and no mail were there any more, only the record. */
  readonly endedBefore: boolean
}

/** What the audit log knows about a breach. */
export interface Exposure {
  readonly scope: ExposureScope
  readonly projects: readonly ProjectExposure[]
  readonly totals: {
    readonly clients: number
    readonly credentials: number
    readonly accounts: number
    readonly messages: number
    readonly bytes: number
  }
  /** Unlocks that failed in that time. */
  readonly failedUnlocks: number
  /** Entries whose content was erased or is damaged: what they said is not counted. */
  readonly unreadable: number
}

interface Tally {
  readonly credentials: Set<string>
  readonly operators: Set<string>
  readonly backups: Set<string>
  accounts: number
  messages: number
  bytes: number
  endedBefore: boolean
}

const ADDS_CREDENTIAL = new Set(['credentials-set', 'credentials-used'])

/**
 * Collects from the log, given from its beginning, whose data lay open and how much of it: whatever was there at any time
 * between `from` and `to`. `clients` names the client of a project.
 */
export async function collectExposure(
  entries: AsyncIterable<LoggedEntry> | Iterable<LoggedEntry>,
  scope: ExposureScope,
  clients: ReadonlyMap<string, string>,
): Promise<Exposure> {
  const from = scope.from ?? -Infinity
  const tallies = new Map<string, Tally>()
  let failedUnlocks = 0
  let unreadable = 0
  for await (const { entry } of entries) {
    if (entry === null) {
      unreadable++
      continue
    }
    const at = Date.parse(entry.at)
    if (at > scope.to) continue
    if (entry.action === 'unlock-failed' && at >= from) failedUnlocks++
    if (entry.project === null) continue
    if (scope.projects !== null && !scope.projects.includes(entry.project)) continue
    const tally = tallies.get(entry.project) ?? newTally()
    tallies.set(entry.project, tally)
    count(tally, entry, at, from)
  }
  const projects = [...tallies].map(([project, tally]) => toExposure(project, tally, clients.get(project) ?? null))
  const open = projects.filter(({ endedBefore }) => !endedBefore)
  const sum = (of: (one: ProjectExposure) => number): number => open.reduce((total, one) => total + of(one), 0)
  return {
    scope,
    projects,
    totals: {
      clients: new Set(open.map(({ client, project }) => client ?? project)).size,
      credentials: sum(({ credentials }) => credentials.length),
      accounts: sum(({ accounts }) => accounts),
      messages: sum(({ messages }) => messages),
      bytes: sum(({ bytes }) => bytes),
    },
    failedUnlocks,
    unreadable,
  }
}

function count(tally: Tally, entry: AuditEntry, at: number, from: number): void {
  const { action, object, outcome, by } = entry
  if (by.name !== null && at >= from) tally.operators.add(by.name)
  // A run that broke off moved mail as well.
  if (action === 'run-finished') {
    tally.accounts = Math.max(tally.accounts, numberOf(entry, 'accounts'))
    tally.messages += numberOf(entry, 'messages')
    tally.bytes += numberOf(entry, 'bytes')
  }
  if (action === 'run-started') tally.accounts = Math.max(tally.accounts, numberOf(entry, 'accounts'))
  if (outcome !== 'done') return
  if (ADDS_CREDENTIAL.has(action)) {
    tally.credentials.add(object ?? 'unnamed')
    tally.accounts = Math.max(tally.accounts, numberOf(entry, 'accounts'))
  }
  // What went before it began did not lie open; what goes later did.
  if (action === 'credentials-removed' && at < from) tally.credentials.delete(object ?? 'unnamed')
  if (action === 'backup') tally.backups.add(object ?? 'unnamed')
  if (action === 'handover' && at < from) tally.backups.delete(object ?? 'unnamed')
  if (action === 'signoff-finished' && at < from) tally.endedBefore = true
}

function toExposure(project: string, tally: Tally, client: string | null): ProjectExposure {
  const { endedBefore } = tally
  return {
    project,
    client,
    credentials: endedBefore ? [] : [...tally.credentials].sort(),
    accounts: endedBefore ? 0 : tally.accounts,
    messages: endedBefore ? 0 : tally.messages,
    bytes: endedBefore ? 0 : tally.bytes,
    backups: endedBefore ? 0 : tally.backups.size,
    operators: [...tally.operators].sort(),
    endedBefore,
  }
}

function numberOf(entry: AuditEntry, name: string): number {
  const value = entry.facts[name]
  return typeof value === 'number' ? value : 0
}

function newTally(): Tally {
  return {
    credentials: new Set(),
    operators: new Set(),
    backups: new Set(),
    accounts: 0,
    messages: 0,
    bytes: 0,
    endedBefore: false,
  }
}
