import { isKind } from '../core/errors.ts'
import type { MessageRecord } from '../core/ledger.ts'
import type { MailboxWork } from './mailbox-work.ts'
import type { LaneContext } from './move-rows.ts'
import { ensureDestination } from './prepare-mailbox.ts'

/**
 * Where both ends have labels, a message that has landed under one of them is only shown under the others: nothing is
 * fetched or sent again. Returns the rows that have to be moved themselves. A copy that the user has removed meanwhile
 * is such a row.
 */
export async function joinLabels(
  lane: LaneContext,
  work: MailboxWork,
  rows: readonly MessageRecord[],
): Promise<readonly MessageRecord[]> {
  if (!rows.some(({ identity }) => identity !== null)) return rows
  const { context, sessions, pair, stop } = lane
  const { ledger } = context
  const session = await sessions.destination(stop)
  if (!session.capabilities.labels) return rows
  const destination = await ensureDestination(session, work, stop)
  const others: MessageRecord[] = []
  for (const row of rows) {
    const twin = ledger.landedTwin(row)
    if (twin?.destinationKey == null || twin.digests === null) {
      others.push(row)
      continue
    }
    const { destinationKey: key, digests, messageId, appliedFlags } = twin
    const position = await session.position(destination, stop)
    if (ledger.claimant(work.record.destination.id, position.validity, key) !== null) {
      others.push(row)
      continue
    }
    ledger.intend([{ id: row.id, digests, messageId, appliedFlags }], position)
    try {
      await session.addToMailbox(key, destination, stop)
    } catch (error) {
      if (!isKind(error, 'not-found')) {
        // It may be shown there already; reconcile looks.
        ledger.doubt([row.id])
        throw error
      }
      ledger.revert([row.id])
      others.push(row)
      continue
    }
    ledger.land([{ id: row.id, key, validity: position.validity }])
    pair.noteLanded(1)
    const { id, pairId } = work.record
    context.events({ event: 'batch-landed', pair: pairId, mailbox: id, messages: 1, bytes: row.bytes, adopted: 0 })
  }
  return others
}
