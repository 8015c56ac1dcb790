import { AUDIT_ID, auditObject, type AuditEvent } from '../../core/audit.ts'
import { SealpostError } from '../../core/errors.ts'
import type { WorkspaceBooks } from '../books/open-books.ts'
import { isAllowed, RIGHTS } from './rights.ts'

/** What an action is done to. */
export interface Resource {
  /** The project's id, where it is done to one. */
  readonly project: string | null
  /** An operator, an account, a record: as far as it is known before anything is opened. */
  readonly object?: string
}

/** What can be done while the log is damaged: it looks at it, and adds nothing to it by that, or puts another in its place. */
export const OF_THE_LOG: readonly string[] = ['audit show', 'audit verify', 'audit restart']

/**
 * The one decision about who may do what: by the actor's role, out of the table in `rights.ts`, and no where it says
 * nothing. The decision is in the audit log before it takes effect, but for a yes to look at that log. Throws `policy` for a no.
 */
export async function authorize(
  books: WorkspaceBooks,
  action: string,
  { project, object }: Resource,
  signal: AbortSignal,
): Promise<void> {
  const { actor, log } = books
  const allowed = isAllowed(actor.role, action)
  const event: AuditEvent = {
    by: actor,
    action: 'access-decided',
    outcome: allowed ? 'done' : 'refused',
    // What was typed need not be a project at all; the command says so itself.
    project: project !== null && AUDIT_ID.test(project) ? project : null,
    object: object === undefined ? null : auditObject(project ?? '', object),
    facts: { action: action.replaceAll(' ', '.') },
    personal: {},
  }
  if (!allowed || !OF_THE_LOG.includes(action)) await log.append(event, signal)
  if (allowed) return
  const roles = RIGHTS.get(action)?.roles ?? []
  throw new SealpostError('policy', `${actor.name ?? 'nobody'} (${actor.role ?? 'no role'}) may not ${action}`, {
    hint: roles.length === 0 ? 'nobody may' : `it takes a role of: ${roles.join(', ')}; --operator names who acts`,
    code: 'NOT_ALLOWED',
  })
}
