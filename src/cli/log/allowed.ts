import type { ErrorKind } from '../../core/errors.ts'
import type { EngineEvent } from '../../core/events.ts'

/** What the commands tell besides what the engine does. Ids and numbers only. */
export type CommandEvent =
  | { readonly event: 'command-started'; readonly command: LoggedCommand; readonly accounts: number }
  | { readonly event: 'command-ended'; readonly milliseconds: number }
  | {
      readonly event: 'end-checked'
      readonly end: 'source' | 'destination'
      readonly adverse: number
      readonly unknown: number
      /** Null where the check went to its end. */
      readonly kind: ErrorKind | null
    }

/** Commands that open a project's ends. */
export type LoggedCommand = 'run' | 'retry' | 'plan' | 'verify' | 'doctor' | 'backup' | 'restore'

/** Everything that may be logged. */
export type LoggedEvent = EngineEvent | CommandEvent

/** One line of the log: its event, and the fields that are allowed of it. */
export type LogLine = Readonly<Record<string, number | string | null>>

/** What a field may hold: a number, or one of these words. Nothing that somebody else could have written fits. */
type Allowed = 'number' | readonly string[]

const KINDS: Readonly<Record<ErrorKind, true>> = {
  throttled: true,
  transient: true,
  'unknown-outcome': true,
  auth: true,
  quota: true,
  'not-found': true,
  rejected: true,
  stale: true,
  corrupt: true,
  config: true,
  policy: true,
  locked: true,
  busy: true,
  cancelled: true,
  bug: true,
}
const KIND = Object.keys(KINDS)
const END = ['source', 'destination']
const COMMAND: readonly LoggedCommand[] = ['run', 'retry', 'plan', 'verify', 'doctor', 'backup', 'restore']
const TOTALS = [
  'source',
  'discovered',
  'appending',
  'landed',
  'existing',
  'skipped',
  'quarantined',
  'expunged',
  'merged',
  'sourceBytes',
  'landedBytes',
]

/** The fields of every event. A field that is not here is not logged, and neither is an event. */
const ALLOWED: Readonly<Record<LoggedEvent['event'], Readonly<Record<string, Allowed>>>> = {
  'command-started': { command: COMMAND, accounts: 'number' },
  'command-ended': { milliseconds: 'number' },
  'end-checked': { end: END, adverse: 'number', unknown: 'number', kind: KIND },
  'run-started': { pairs: 'number' },
  'pair-started': { pair: 'number' },
  'pair-finished': { pair: 'number', ...Object.fromEntries(TOTALS.map((name) => [name, 'number'])) },
  // Its message may hold a server's words, and names.
  'pair-failed': { pair: 'number', kind: KIND },
  'mailbox-listed': { pair: 'number', mailbox: 'number', discovered: 'number' },
  'batch-landed': { pair: 'number', mailbox: 'number', messages: 'number', bytes: 'number', adopted: 'number' },
  'message-quarantined': { pair: 'number', mailbox: 'number', message: 'number' },
  waiting: { pair: 'number', reason: [...KIND, 'hours'], milliseconds: 'number' },
  'lanes-changed': { pair: 'number', allowed: 'number', most: 'number' },
  reconnected: { pair: 'number', end: END },
  reconciled: { pair: 'number', mailbox: 'number', landed: 'number', pending: 'number' },
  verified: { pair: 'number', mailbox: 'number', checked: 'number' },
}

/**
 * What of an event is logged; null for one that is not on the list. Types promise as much already: this holds against
 * whatever comes at run time, such as a field that was widened.
 */
export function allowedOf(event: Readonly<Record<string, unknown>>): LogLine | null {
  const { event: name, totals, ...own } = event
  if (typeof name !== 'string' || !Object.hasOwn(ALLOWED, name)) return null
  const allowed = ALLOWED[name as LoggedEvent['event']]
  const fields: Readonly<Record<string, unknown>> =
    typeof totals === 'object' && totals !== null ? { ...own, ...totals } : own
  const line: Record<string, number | string | null> = { event: name }
  for (const [field, rule] of Object.entries(allowed)) {
    const value = fields[field]
    if (rule === 'number') line[field] = typeof value === 'number' && Number.isFinite(value) ? value : null
    else line[field] = typeof value === 'string' && rule.includes(value) ? value : null
  }
  return line
}
