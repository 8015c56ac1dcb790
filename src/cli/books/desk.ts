import type { AuditAction, AuditEvent } from '../../core/audit.ts'
import { SealpostError } from '../../core/errors.ts'
import type { UnlockedOperator } from '../../../vault/operator.ts'
import { unlock } from '../access/unlock.ts'
import type { CommandContext } from '../context.ts'
import { openBooks, type WorkspaceBooks } from './open-books.ts'

/** An operator at work: the own keys, and the books of the workspace. */
export interface Desk {
  readonly operator: UnlockedOperator
  readonly books: WorkspaceBooks
}

/** What somebody comes to the books for: `audit.show`, `records.export`, `hold.set`. */
export interface Errand {
  readonly action: BookAction
  /** The id of the project that it is about. */
  readonly project: string | null
}

/** Everything that is done with the books alone, without a project's keys. */
export type BookAction =
  | 'audit.show'
  | 'audit.verify'
  | 'audit.prove'
  | 'audit.restart'
  | 'records.read'
  | 'records.export'
  | 'records.change'
  | 'records.sweep'
  | 'records.backup'
  | 'hold.change'
  | 'hold.read'
  | 'incident.change'
  | 'incident.read'

/** What can be done while the log is damaged: it looks at it, or puts another in its place. */
const OF_THE_LOG: readonly BookAction[] = ['audit.show', 'audit.verify', 'audit.restart']

/** One piece of work at the books: every command that works on them comes through here. The keys are wiped at its end. */
export async function atDesk<T>(
  context: CommandContext,
  errand: Errand,
  work: (books: WorkspaceBooks, operator: UnlockedOperator) => Promise<T>,
): Promise<T> {
  const operator = await unlock(context)
  try {
    const books = await openBooks(context.home, operator, context.clock)
    if (!OF_THE_LOG.includes(errand.action)) await noteUnlock(books, operator, {}, context.stop)
    return await work(books, operator)
  } finally {
    operator.wipe()
  }
}

/** Opens the operator's keys and the books, and writes the unlock down. The caller wipes the operator. */
export async function openDesk(context: CommandContext): Promise<Desk> {
  const operator = await unlock(context)
  try {
    const books = await openBooks(context.home, operator, context.clock)
    await noteUnlock(books, operator, {}, context.stop)
    return { operator, books }
  } catch (error) {
    operator.wipe()
    throw error
  }
}

/** Writes down that keys were opened with a passphrase, and signs a checkpoint; an agent's were written down before. */
export async function noteUnlock(
  books: WorkspaceBooks,
  { through }: UnlockedOperator,
  facts: AuditEvent['facts'],
  signal: AbortSignal,
): Promise<void> {
  if (through === 'agent') return
  await books.log.append(makeEvent(books, 'unlock', { facts }), signal)
  await books.log.checkpoint(books.signer, signal)
}

/** An event of this operator, to be filled in. */
export function makeEvent(
  { actor }: WorkspaceBooks,
  action: AuditAction,
  over: Partial<Omit<AuditEvent, 'by' | 'action'>> = {},
): AuditEvent {
  const nothing = { outcome: 'done', project: null, object: null, facts: {}, personal: {} } as const
  return { ...nothing, ...over, by: actor, action }
}

/**
 * Throws `policy` while an incident keeps the vault shut. It holds back this program; keys and files stay where they are.
 */
export async function assertNotFrozen(books: WorkspaceBooks, signal: AbortSignal): Promise<void> {
  const incidents = await books.freezing(signal)
  if (incidents.length === 0) return
  throw new SealpostError('policy', `the vault is frozen by incident ${incidents.join(', ')}`, {
    hint: 'it thaws with "sealpost incident update NUMBER --thaw", or when the incident is closed',
    code: 'FROZEN',
  })
}
