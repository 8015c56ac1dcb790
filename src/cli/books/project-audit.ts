import { auditObject, type AuditAction, type AuditEvent, type AuditFacts } from '../../core/audit.ts'
import { isKind } from '../../core/errors.ts'
import type { CommandContext } from '../context.ts'
import { makeEvent } from './desk.ts'
import type { WorkspaceBooks } from './open-books.ts'

/** What an event says besides its action and its project. */
export type Noted = Partial<Pick<AuditEvent, 'outcome' | 'object' | 'facts' | 'personal'>>

/** The audit log, as the commands of one project write to it. A handful of entries a command, never one a message. */
export interface ProjectAudit {
  /** On the disk when it returns. */
  note(action: AuditAction, noted?: Noted): Promise<void>
  /** As `note` for several, at the price of one. */
  noteAll(action: AuditAction, noted: readonly Noted[]): Promise<void>
  /** One entry a credential, by its id; names that are no ids are sealed. */
  noteCredentials(action: CredentialAction, credentials: readonly NotedCredential[]): Promise<void>
  /**
   * A checkpoint signed by the operator, to be repeated in a document. Null where the agent that holds the key has ended
   * meanwhile, which is warned of.
   */
  checkpoint(): Promise<string | null>
}

/** What can happen to a credential. */
export type CredentialAction =
  'credentials-set' | 'credentials-used' | 'credentials-removed' | 'credentials-expired' | 'token-revoked'

/** A credential as the log knows it. */
export interface NotedCredential extends Pick<Noted, 'outcome' | 'facts'> {
  readonly name: string
  /** Accounts that it was used for: counted, and their names sealed. */
  readonly accounts?: readonly string[]
}

/** Sealed fields of one entry have room for so many bytes of names; what is beyond is counted. */
const MAX_NAMES_BYTES = 8 * 1024

/** The log for the commands of one project. */
export function projectAuditOf(books: WorkspaceBooks, project: string, context: CommandContext): ProjectAudit {
  const { log, signer } = books
  // A command that was asked to stop still writes down what it did.
  const { hard: signal } = context
  const noteAll = async (action: AuditAction, noted: readonly Noted[]): Promise<void> => {
    await log.appendAll(
      noted.map((one) => makeEvent(books, action, { ...one, project })),
      signal,
    )
  }
  return {
    note: (action, noted = {}) => noteAll(action, [noted]),
    noteAll,
    noteCredentials: (action, credentials) =>
      noteAll(
        action,
        credentials.map(({ name, accounts, facts = {}, outcome = 'done' }) => {
          const object = auditObject(project, name)
          const counted: AuditFacts = accounts === undefined ? facts : { ...facts, accounts: accounts.length }
          return {
            object,
            outcome,
            facts: counted,
            personal: {
              ...(object === name ? {} : { credential: name }),
              ...(accounts === undefined ? {} : { accounts: joinNames(accounts) }),
            },
          }
        }),
      ),
    checkpoint: async () => {
      try {
        return await log.checkpoint(signer, signal)
      } catch (error) {
        if (!isKind(error, 'locked')) throw error
        context.output.warn('the agent has ended meanwhile: no checkpoint of the audit log was signed')
        return null
      }
    },
  }
}

function joinNames(names: readonly string[]): string {
  let text = ''
  for (const [index, name] of names.entries()) {
    const next = text === '' ? name : `${text}\n${name}`
    if (Buffer.byteLength(next) > MAX_NAMES_BYTES) return `${text}\n… and ${names.length - index} more`
    text = next
  }
  return text
}
