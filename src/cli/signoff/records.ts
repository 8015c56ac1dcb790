import type { AuditLog } from '../../core/audit.ts'
import { formatInstant } from '../../core/clock.ts'
import type { HoldBook } from '../../records/holds.ts'
import type { IncidentBook } from '../../records/incidents.ts'
import type { NewRecord } from '../../records/record-types.ts'
import type { ActiveHold, ProjectRecords, PurgeAudit } from '../../signoff/ports.ts'
import type { PurgeState, Retained, UnlistedBackups } from '../../signoff/state.ts'
import type { WorkspaceBooks } from '../books/open-books.ts'
import { countLoggedBackups } from './backups.ts'

/** What the workspace keeps, as far as the sign-off of one project needs it. */
export interface SignoffBooks {
  readonly records: ProjectRecords
  readonly audit: PurgeAudit
  /** What the audit log knows of the project's backups. */
  readonly loggedBackups: () => Promise<UnlistedBackups>
  /** When the project's keys were last made anew, as the audit log has it; null: never. */
  readonly keysRenewedAt: () => Promise<string | null>
}

/** `fingerprint` is that of the key which certificates are signed with. */
export function signoffBooksOf(
  books: WorkspaceBooks,
  projectId: string,
  fingerprint: string,
  signal: AbortSignal,
): SignoffBooks {
  const { log, actor, signer } = books
  return {
    records: {
      // Opened anew each time: a hold that is set while the purge goes on stops it at the next step.
      hold: () => books.withRecords((records) => holdOn(records, projectId), signal),
      write: async (state) => {
        const { kept } = await books.withRecords((records) => records.add(actor, recordOf(state), signal), signal)
        return [
          {
            what: 'project record without content: client, signatory, dates, counts, this certificate',
            until: kept.lastDay,
            where: 'records of the workspace, encrypted',
          },
          {
            what: 'entries of the audit log: ids, numbers, who and when',
            until: kept.lastDay,
            where: 'audit log of the workspace',
          },
          ...CERTIFICATE_STAYS,
        ]
      },
      attach: async (state, certificate) => {
        const { audit } = JSON.parse(certificate.bytes.toString('utf8')) as {
          readonly audit: { readonly checkpoint: string | null }
        }
        const documents = { certificate: certificate.bytes, fingerprint, checkpoint: audit.checkpoint }
        await books.withRecords(
          (records) => records.attachDocuments(actor, state.project.id, documents, signal),
          signal,
        )
      },
    },
    audit: {
      note: async (action, outcome, object, facts) => {
        await log.append({ by: actor, action, outcome, project: projectId, object, facts, personal: {} }, signal)
      },
      checkpoint: () => log.checkpoint(signer, signal),
    },
    loggedBackups: () => countLoggedBackups(log, projectId, signal),
    keysRenewedAt: () => lastRevoke(log, projectId, signal),
  }
}

/** When a grant of the project was last revoked (RFC 3339), or null. */
export async function lastRevoke(
  log: Pick<AuditLog, 'entries'>,
  project: string,
  signal: AbortSignal,
): Promise<string | null> {
  let at: string | null = null
  for await (const { entry } of log.entries(signal)) {
    if (entry?.project === project && entry.action === 'revoke' && entry.outcome === 'done') at = entry.at
  }
  return at
}

function holdOn(records: HoldBook & IncidentBook, projectId: string): ActiveHold | null {
  const held = records.heldProjects().find(({ project }) => project === projectId)
  if (held !== undefined) {
    const numbers = held.holds.join(', ')
    const hint = `sealpost hold release ${numbers} --reason R, by whoever may`
    return { code: 'hold', what: 'legal hold', by: held.by, since: formatInstant(held.since), hint }
  }
  const [number] = records.freezing()
  if (number === undefined) return null
  const { openedBy, openedAt } = records.incident(number)
  const hint = `sealpost incident update ${number} --thaw, or close it`
  return { code: 'frozen', what: `freeze (${number})`, by: openedBy, since: formatInstant(openedAt), hint }
}

const CERTIFICATE_STAYS: readonly Retained[] = [
  {
    what: 'this certificate with its signatures',
    until: "without end: it is the client's",
    where: 'folder certificate/ of the project',
  },
]

/** Sums and names, no content: the same for every attempt at one sign-off. */
function recordOf(state: PurgeState): NewRecord {
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
