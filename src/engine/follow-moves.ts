import type { Candidate, Mailbox } from '../core/mail.ts'
import type { DestinationSession } from '../core/connector.ts'
import { formatPath } from '../core/mailbox-path.ts'
import type { MessageRecord } from '../core/ledger.ts'
import type { CopyGroups } from '../core/match-digests.ts'
import type { EngineContext } from './settings.ts'
import type { MailboxWork } from './mailbox-work.ts'
import type { Prepared } from './fetch-batch.ts'
import { groupCandidates } from './reconcile.ts'

/**
 * Of the prepared messages, takes out those that were moved at the source: one of ours with the same bytes has
 * vanished from another source mailbox. Its copy is moved likewise where it still lies, and claimed where it has come
 * already, by a run that was killed before it wrote so down or by the user; else the row is skipped with the reason and
 * nothing is appended again. Returns the others.
 */
export async function followMoves(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  destination: Mailbox,
  prepared: readonly Prepared[],
  signal: AbortSignal,
): Promise<Prepared[]> {
  const { ledger } = context
  /** What lies here and is nobody's; read when it is first asked for. */
  let here: { readonly groups: CopyGroups<Candidate>; readonly validity: string } | null = null
  const others: Prepared[] = []
  for (const message of prepared) {
    const origin = ledger.moved(work.record.pairId, message.digests.matchDigest)[0]
    if (origin === undefined) others.push(message)
    else await follow(origin, message)
  }
  return others

  async function follow(origin: MessageRecord, message: Prepared): Promise<void> {
    const claim = (key: string | null, validity: string | null): void =>
      ledger.inheritMove(message.row.id, origin.id, message.digests, { id: message.row.id, key, validity })
    const from = ledger.mailbox(origin.mailboxId).destination
    const key = origin.destinationKey
    if (from.id === work.record.destination.id && key !== null) {
      claim(key, origin.destinationValidity)
      return
    }
    if (session.capabilities.move && key !== null && from.validity === origin.destinationValidity) {
      const source = await session.ensureMailbox(from.path, null, signal)
      const outcome = (await session.move(source, [key], destination, signal))[0]
      if (outcome?.kind === 'landed') {
        claim(outcome.key, outcome.validity)
        return
      }
    }
    here ??= await lookHere()
    const copy = here.groups.take(origin)
    if (copy !== null) {
      claim(copy.key, here.validity)
      return
    }
    const text = `moved at the source; its copy was left in ${formatPath(from.path)} or where the user has put it`
    ledger.skip(message.row.id, { code: 'moved-at-source', text, serverText: null })
  }

  async function lookHere() {
    const { id } = work.record.destination
    const { validity } = await session.position(destination, signal)
    const messageIds = new Set(prepared.map(({ messageId }) => messageId))
    const likely: Candidate[] = []
    for await (const candidate of session.find(destination, null, signal))
      if (messageIds.has(candidate.messageId)) likely.push(candidate)
    const free = new Set(
      ledger.unclaimed(
        id,
        validity,
        likely.map((candidate) => candidate.key),
      ),
    )
    const groups = await groupCandidates(
      session,
      destination,
      likely.filter((candidate) => free.has(candidate.key)),
      signal,
    )
    return { groups, validity }
  }
}
