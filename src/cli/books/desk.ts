import type { AuditAction, AuditEvent } from '../../core/audit.ts'
import { SealpostError } from '../../core/errors.ts'
import type { UnlockedOperator } from '../../../vault/operator.ts'
import { authorize, OF_THE_LOG, type Resource } from '../access/authorize.ts'
import { proveFactor } from '../access/second-factor.ts'
import { unlock } from '../access/unlock.ts'
import type { CommandContext } from '../context.ts'
import { openBooks, type WorkspaceBooks } from './open-books.ts'

/** An operator at work: the own keys, and the books of the workspace. */
export interface Desk {
  readonly operator: UnlockedOperator
  readonly books: WorkspaceBooks
}

/** One piece of work at the books: every command that works on them comes through here. The keys are wiped at its end. */
export async function atDesk<T>(
  context: CommandContext,
  resource: Resource,
  work: (books: WorkspaceBooks, operator: UnlockedOperator) => Promise<T>,
): Promise<T> {
  const { operator, books } = await openDesk(context, resource)
  try {
    return await work(books, operator)
  } finally {
    operator.wipe()
  }
}

/**
 * Opens the operator's keys and the books, writes the unlock down, asks for a code where the command takes one, and asks
 * whether the operator may give it at all. The caller wipes the operator. Throws `policy` for one who may not, `locked` for a wrong code.
 */
export async function openDesk(context: CommandContext, resource: Resource): Promise<Desk> {
  const operator = await unlock(context)
  try {
    const { command, totpFd } = context.options
    const opened = await openBooks(context.home, operator, context.clock)
    if (!OF_THE_LOG.includes(command)) await noteUnlock(opened, operator, {}, context.stop)
    const source = { descriptor: totpFd, option: '--totp-fd' }
    const books = await proveFactor(context, operator, opened, command, source)
    await authorize(books, command, resource, context.stop)
    return { operator, books }
  } catch (error) {
    operator.wipe()
    throw error
  }
}

/** Writes down that keys were opened with a passphrase, and signs a checkpoint; an agent's were written down before. */
export async function noteUnlock(
  books: WorkspaceBooks,
  { through, wrongBefore }: UnlockedOperator,
  facts: AuditEvent['facts'],
  signal: AbortSignal,
): Promise<void> {
  if (through === 'agent') return
  const told = wrongBefore === 0 ? facts : { ...facts, wrongBefore }
  await books.log.append(makeEvent(books, 'unlock', { facts: told }), signal)
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
