import type { Candidate, Mailbox } from '../core/mail.ts'
import { samePath } from '../core/mailbox-path.ts'
import type { DestinationSession, Position } from '../core/connector.ts'
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
  destination: Pick<Mailbox, 'path'>,
  missing: readonly MessageRecord[],
  since: Position | null,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const { labels } = session.capabilities
  // Where a message is shown in several mailboxes, one that has landed under another label says nothing of this one.
  const sought = labels ? missing.filter((row) => context.ledger.landedTwin(row) === null) : missing
  const open = new Map(sought.map((row) => [row.id, row]))
  if (open.size === 0) return []
  const records = context.ledger.mailboxes(work.record.pairId)
  for await (const mailbox of session.listMailboxes(signal)) {
    if (!mailbox.selectable || samePath(mailbox.path, destination.path) || open.size === 0) continue
    const likely: Candidate[] = []
    const ids = new Set([...open.values()].map((row) => row.messageId))
    const dates = new Set([...open.values()].map((row) => Math.floor(row.internalDate / 1000)))
    for await (const candidate of session.find(mailbox, await markOf(mailbox), signal)) {
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
  return sought.filter((row) => !open.has(row.id)).map((row) => row.id)

  /** With labels all mailboxes of an account have one scale of marks, so that the whole account need not be looked at. */
  async function markOf(mailbox: Mailbox): Promise<Position | null> {
    if (!labels || since === null) return null
    return { ...since, validity: (await session.position(mailbox, signal)).validity }
  }
}
