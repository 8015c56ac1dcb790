import type { Candidate, Mailbox } from '../core/mail.ts'
import { samePath } from '../core/mailbox-path.ts'
import type { DestinationSession } from '../core/connector.ts'
import type { MessageRecord } from '../core/ledger.ts'
import type { EngineContext } from './settings.ts'
import type { MailboxWork } from './mailbox-work.ts'
import { groupCandidates } from './reconcile.ts'

/**
 * Looks for copies in doubt that a user has moved meanwhile in the account's other mailboxes, Trash too. Called only
 * when something was stored above the low-water mark and has vanished. Returns the ids of rows whose bytes were found.
 */
export async function findElsewhere(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  destination: Mailbox,
  missing: readonly MessageRecord[],
  signal: AbortSignal,
): Promise<readonly number[]> {
  const open = new Map(missing.map((row) => [row.id, row]))
  const records = context.ledger.mailboxes(work.record.pairId)
  for await (const mailbox of session.listMailboxes(signal)) {
    if (!mailbox.selectable || samePath(mailbox.path, destination.path) || open.size === 0) continue
    const likely: Candidate[] = []
    const ids = new Set([...open.values()].map((row) => row.messageId))
    const dates = new Set([...open.values()].map((row) => Math.floor(row.internalDate / 1000)))
    for await (const candidate of session.find(mailbox, null, signal)) {
      const isLikely =
        candidate.messageId === null
          ? dates.has(Math.floor(candidate.internalDate / 1000))
          : ids.has(candidate.messageId)
      if (isLikely) likely.push(candidate)
    }
    const record = records.find((entry) => samePath(entry.destination.path, mailbox.path))?.destination
    const validity = record?.validity ?? null
    const keys = likely.map((candidate) => candidate.key)
    const free =
      record === undefined || validity === null ? keys : context.ledger.unclaimed(record.id, validity, keys)
    const groups = await groupCandidates(
      session,
      mailbox,
      likely.filter((c) => free.includes(c.key)),
      signal,
    )
    for (const row of open.values()) {
      if (groups.take(row) !== null) open.delete(row.id)
    }
  }
  return missing.filter((row) => !open.has(row.id)).map((row) => row.id)
}
