import type { Mailbox } from '../core/mail.ts'
import type { DestinationSession } from '../core/connector.ts'
import { formatPath } from '../core/mailbox-path.ts'
import type { MessageRecord } from '../core/ledger.ts'
import type { EngineContext } from './settings.ts'
import type { MailboxWork } from './mailbox-work.ts'
import type { Prepared } from './fetch-batch.ts'

/**
 * Of the prepared messages, takes out those that were moved at the source: one of ours with the same bytes has
 * vanished from another source mailbox. Its copy is moved likewise where it still lies; else the row is skipped with
 * the reason and nothing is appended again. Returns the others.
 */
export async function followMoves(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  destination: Mailbox,
  prepared: readonly Prepared[],
  signal: AbortSignal,
): Promise<Prepared[]> {
  const others: Prepared[] = []
  for (const message of prepared) {
    const origin = context.ledger.moved(work.record.pairId, message.digests.matchDigest)[0]
    if (origin === undefined) others.push(message)
    else await follow(origin, message)
  }
  return others

  async function follow(origin: MessageRecord, message: Prepared): Promise<void> {
    const { ledger } = context
    const from = ledger.mailbox(origin.mailboxId).destination
    const key = origin.destinationKey
    if (from.id === work.record.destination.id && key !== null) {
      const claim = { id: message.row.id, key, validity: origin.destinationValidity }
      ledger.inheritMove(message.row.id, origin.id, message.digests, claim)
      return
    }
    if (session.capabilities.move && key !== null && from.validity === origin.destinationValidity) {
      const source = await session.ensureMailbox(from.path, null, signal)
      const outcome = (await session.move(source, [key], destination, signal))[0]
      if (outcome?.kind === 'landed') {
        const claim = { id: message.row.id, key: outcome.key, validity: outcome.validity }
        ledger.inheritMove(message.row.id, origin.id, message.digests, claim)
        return
      }
    }
    const text = `moved at the source; its copy was left in ${formatPath(from.path)} or where the user has put it`
    ledger.skip(message.row.id, { code: 'moved-at-source', text, serverText: null })
  }
}
