import type { Actor, AuditLog, NoteSigner } from '../core/audit.ts'
import { formatInstant } from '../core/clock.ts'
import type { HoldBook } from '../records/holds.ts'
import type { RecordBook } from '../records/project-records.ts'
import type { ActiveHold, ProjectRecords, PurgeAudit } from '../signoff/ports.ts'
import type { PurgeState, Retained } from '../signoff/state.ts'

/** What the workspace keeps, as far as a sign-off needs it. */
export interface SignoffBooks {
  readonly records: RecordBook & HoldBook
  readonly log: AuditLog
  readonly actor: Actor
  /** Signs checkpoints. */
  readonly signer: NoteSigner
  /** Fingerprint of the key that certificates are signed with. */
  readonly fingerprint: string
}

/** The records of the workspace, for the sign-off of one project. */
export function signoffRecords(books: SignoffBooks, signal: AbortSignal): ProjectRecords {
  const { records, actor, fingerprint } = books
  return {
    hold: (project) => Promise.resolve(holdOn(records, project.id)),
    write: async (state) => {
      const { kept } = await records.add(actor, recordOf(state), signal)
      return [
        {
          what: 'project record without content: client, signatory, dates, counts, this certificate',
          until: kept.lastDay,
          where: 'records of the workspace, encrypted',
        },
        { what: 'entries of the audit log: ids, numbers, who and when', until: kept.lastDay, where: 'workspace' },
        ...CERTIFICATE_STAYS,
      ]
    },
    attach: async (state, certificate) => {
      const { audit } = JSON.parse(certificate.bytes.toString('utf8')) as {
        readonly audit: { readonly checkpoint: string | null }
      }
      const documents = { certificate: certificate.bytes, fingerprint, checkpoint: audit.checkpoint }
      await records.attachDocuments(actor, state.project.id, documents, signal)
    },
  }
}

/** The audit log of the workspace, for the sign-off of one project. */
export function signoffAudit(books: SignoffBooks, projectId: string, signal: AbortSignal): PurgeAudit {
  const { log, actor, signer } = books
  return {
    note: async (action, outcome, object, facts) => {
      await log.append({ by: actor, action, outcome, project: projectId, object, facts, personal: {} }, signal)
    },
    checkpoint: () => log.checkpoint(signer, signal),
  }
}

/** The hold on a project that was set first, or null. */
export function holdOn(records: HoldBook, projectId: string): ActiveHold | null {
  const held = records.heldProjects().find(({ project }) => project === projectId)
  return held === undefined ? null : { by: held.by, since: formatInstant(held.since) }
}

const CERTIFICATE_STAYS: readonly Retained[] = [
  {
    what: 'this certificate with its signatures',
    until: 'no end: it is the client’s',
    where: 'folder certificate/ of the project',
  },
]

/** Sums and names, no content: the same for every attempt at one sign-off. */
function recordOf(state: PurgeState): Parameters<RecordBook['add']>[1] {
  const { project, request, facts, startedAt } = state
  const totals = facts.delivery?.totals
  return {
    project: project.id,
    client: project.client,
    contacts: [{ name: request.by, title: request.title, address: null, phone: null }],
    startedAt: Date.parse(project.createdAt),
    signedOffAt: Date.parse(startedAt),
    abandoned: request.abandon !== null,
    counts: {
      accounts: facts.delivery?.accounts ?? 0,
      mailboxes: facts.delivery?.mailboxes ?? 0,
      messages: totals?.source ?? 0,
      landed: (totals?.landed ?? 0) + (totals?.existing ?? 0),
      bytes: totals?.landedBytes ?? 0,
      exceptions: (totals?.skipped ?? 0) + (totals?.quarantined ?? 0),
    },
  }
}
