import { isKind } from '../core/errors.ts'
import type { DestinationSession } from '../core/connector.ts'
import type { MessageRecord } from '../core/ledger.ts'
import type { Mailbox } from '../core/mail.ts'
import type { MailboxWork } from './mailbox-work.ts'
import type { LaneContext } from './move-rows.ts'
import { ensureDestination } from './prepare-mailbox.ts'
import type { EngineContext } from './settings.ts'

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
  const session = await sessions.destination(stop)
  if (!session.capabilities.labels) return rows
  const destination = await ensureDestination(session, work, stop)
  const others: MessageRecord[] = []
  for (const row of rows) {
    if (!(await joinTwin(context, session, work, destination, row, stop))) {
      others.push(row)
      continue
    }
    pair.noteLanded(1)
    const { id, pairId } = work.record
    context.events({ event: 'batch-landed', pair: pairId, mailbox: id, messages: 1, bytes: row.bytes, adopted: 0 })
  }
  return others
}

/** Shows a message here that has landed elsewhere in the account. False: it has to be sent. Throws what the session throws. */
export async function joinTwin(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  destination: Mailbox,
  row: MessageRecord,
  signal: AbortSignal,
): Promise<boolean> {
  const { ledger } = context
  const twin = ledger.landedTwin(row)
  if (twin?.destinationKey == null || twin.digests === null) return false
  const { destinationKey: key, digests, messageId, appliedFlags } = twin
  const position = await session.position(destination, signal)
  if (ledger.claimant(work.record.destination.id, position.validity, key) !== null) return false
  ledger.intend([{ id: row.id, digests, messageId, appliedFlags }], position)
  try {
    await session.addToMailbox(key, destination, signal)
  } catch (error) {
    // It may be shown there already; reconcile looks. What was refused is not.
    if (!isKind(error) || isKind(error, 'transient', 'unknown-outcome', 'bug')) {
      ledger.doubt([row.id])
      throw error
    }
    ledger.revert([row.id])
    // A label that the server sets by itself comes with a message that is stored again and merged.
    const isMerged = session.capabilities.merges === 'message-id' && messageId !== null
    if (isKind(error, 'not-found') || (isKind(error, 'rejected') && isMerged)) return false
    throw error
  }
  ledger.land([{ id: row.id, key, validity: position.validity }])
  return true
}
