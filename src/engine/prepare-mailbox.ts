import type { DestinationSession } from '../core/connector.ts'
import type { Mailbox } from '../core/mail.ts'
import type { EngineContext } from './settings.ts'
import type { MailboxWork } from './mailbox-work.ts'
import { survey } from './adopt.ts'
import { reclaim } from './reclaim.ts'
import { reconcile } from './reconcile.ts'

/**
 * Makes the destination mailbox ready for appends: it exists and is subscribed like its source, its validity is
 * known, what an earlier process left in doubt is decided, and what lay there before us is written down. Twice is safe.
 */
export async function prepareDestination(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  signal: AbortSignal,
): Promise<void> {
  const { ledger } = context
  const destination = await ensureDestination(session, work, signal)
  const { id: destinationId, validity, surveyed } = ledger.mailbox(work.record.id).destination
  const position = await session.position(destination, signal)
  if (position.validity !== validity) ledger.setValidity(destinationId, position.validity)
  // Also when the validity is the known one: a run that was killed here may have left claims of the former.
  await reclaim(context, session, work, destination, position.validity, signal)
  await reconcile(context, session, work, destination, signal)
  work.hasCandidates = surveyed || (await surveyAlone(destination))

  /** Two source mailboxes may lead here: one surveys, the other finds it done. */
  function surveyAlone(mailbox: Mailbox): Promise<boolean> {
    return work.gate.exclusive(async () => {
      if (ledger.mailbox(work.record.id).destination.surveyed) return true
      return survey(context, session, mailbox, destinationId, signal)
    })
  }
}

/** Finds or creates the work's destination mailbox, and subscribes to it when the source is subscribed. Twice is safe. */
export async function ensureDestination(
  session: DestinationSession,
  work: MailboxWork,
  signal: AbortSignal,
): Promise<Mailbox> {
  if (work.destination !== null) return work.destination
  const mailbox = await session.ensureMailbox(work.destinationPath, work.record.specialUse, signal)
  if (work.source.subscribed && !mailbox.subscribed) await session.subscribe(mailbox, signal)
  work.destination = mailbox
  return mailbox
}
