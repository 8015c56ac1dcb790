import type { Mailbox } from '../core/mail.ts'
import type { DestinationSession } from '../core/connector.ts'
import type { Claim, MessageRecord } from '../core/ledger.ts'
import type { EngineContext } from './settings.ts'
import type { MailboxWork } from './mailbox-work.ts'
import { groupCandidates, unclaimedSince } from './reconcile.ts'

const PAGE = 500

/**
 * After the destination gave its mailbox a new UIDVALIDITY: rows that landed under the old one claim their copies
 * again, as a multiset by content. A row that finds none stays landed, without a key.
 */
export async function reclaim(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  destination: Mailbox,
  validity: string,
  signal: AbortSignal,
): Promise<void> {
  const { ledger } = context
  const { id: destinationId } = work.record.destination
  if (ledger.staleClaims(destinationId, 0, 1).length === 0) return
  const { free } = await unclaimedSince(context, session, work, destination, null, validity, signal)
  const groups = await groupCandidates(session, destination, free, signal)
  let afterId = 0
  for (;;) {
    const rows: readonly MessageRecord[] = ledger.staleClaims(destinationId, afterId, PAGE)
    const last = rows[rows.length - 1]
    if (last === undefined) return
    afterId = last.id
    const claims: Claim[] = rows.map((row) => {
      return { id: row.id, key: groups.take(row)?.key ?? null, validity }
    })
    ledger.reclaim(claims)
  }
}
