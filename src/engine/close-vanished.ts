import type { DestinationSession } from '../core/connector.ts'
import type { Mailbox } from '../core/mail.ts'
import { isKind } from '../core/errors.ts'
import type { MailboxRecord, MessageRecord, Pair } from '../core/ledger.ts'
import { exceptionsOf } from '../core/ledger-rows.ts'
import { samePath } from '../core/mailbox-path.ts'
import { findElsewhere } from './find-elsewhere.ts'
import { MailboxGate } from './mailbox-gate.ts'
import { newWork } from './mailbox-work.ts'
import { prepareDestination } from './prepare-mailbox.ts'
import { MAILBOX_REFUSED, setAside } from './set-aside.ts'
import type { EngineContext } from './settings.ts'

/** No connector gives out such a cursor: should the mailbox come back, it is listed from nothing. */
const VANISHED = 'vanished'

/**
 * Mailboxes that the ledger knows and the source no longer has, since they were renamed or deleted: what lay in them is
 * gone from there. So mail that is found again under another name counts as moved, and none of it is sent twice. Nothing
 * at the destination is touched. Twice is safe, and so is a kill in between.
 */
export async function closeVanished(
  context: EngineContext,
  pair: Pair,
  present: readonly Mailbox[],
  signal: AbortSignal,
): Promise<void> {
  const { ledger, clock } = context
  const vanished = ledger
    .mailboxes(pair.id)
    .filter(({ cursor, sourcePath }) => cursor !== VANISHED && !lives(sourcePath, present))
  const refused = vanished.length === 0 ? [] : [...exceptionsOf(ledger, pair.id)].filter(isRefused)
  for (const { id } of vanished) {
    // What was in doubt when the destination refused the mailbox has not vanished before it landed, as far as anybody knows.
    const inIt = refused.filter((row) => row.mailboxId === id)
    ledger.requeue(
      pair.id,
      inIt.map((row) => row.id),
    )
    ledger.beginEpoch(id)
    while (!ledger.continueEpoch(id)) await clock.sleep(0, signal)
    while (!ledger.endEpochs(id)) await clock.sleep(0, signal)
    // Last, since it says that all of it is done.
    ledger.endListing(id, ledger.beginListing(id), VANISHED, true)
    ledger.replaceFindings(id, 'listing', [])
  }
}

/**
 * Decides what was in doubt when its mailbox vanished from the source, which no lane will come to: it has landed where a
 * copy of it lies at the destination, and has vanished before it landed where none does. What was under a label that is
 * gone is pending then, and where the destination refuses the mailbox all is an exception. To be called before anything is
 * moved: what is found again under another name must find it decided. Twice is safe, and makes no mailbox.
 */
export async function settleVanished(
  context: EngineContext,
  session: DestinationSession,
  pair: Pair,
  present: readonly Mailbox[],
  signal: AbortSignal,
): Promise<void> {
  const { ledger } = context
  for (const record of ledger.mailboxes(pair.id)) {
    if (lives(record.sourcePath, present) || ledger.inDoubt(record.id).length === 0) continue
    const work = newWork(record, asItWas(record), new MailboxGate())
    work.destination = await findMailbox(session, record.destination.path, signal)
    if (work.destination !== null) {
      try {
        await prepareDestination(context, session, work, signal)
      } catch (error) {
        if (!isKind(error, 'rejected')) throw error
        setAside(context, work, error)
      }
      continue
    }
    // Nothing can come into a mailbox that is not there: what is nowhere else now did not land.
    const rows = ledger.inDoubt(record.id)
    ledger.doubt(rows.map(({ id }) => id))
    const elsewhere = await findElsewhere(context, session, work, record.destination, rows, null, signal)
    ledger.land(elsewhere.map((id) => ({ id, key: null, validity: null })))
    ledger.revert(ledger.inDoubt(record.id).map(({ id }) => id))
  }
}

function isRefused({ reason }: MessageRecord): boolean {
  return reason?.code === MAILBOX_REFUSED
}

function lives(path: readonly string[], present: readonly Mailbox[]): boolean {
  return present.some((mailbox) => mailbox.selectable && samePath(mailbox.path, path))
}

/** Stands for a mailbox that the source no longer shows; nothing is asked of it. */
function asItWas({ sourcePath, specialUse }: MailboxRecord): Mailbox {
  return { path: sourcePath, name: '', specialUse, selectable: false, subscribed: false }
}

async function findMailbox(
  session: DestinationSession,
  path: readonly string[],
  signal: AbortSignal,
): Promise<Mailbox | null> {
  let found: Mailbox | null = null
  for await (const mailbox of session.listMailboxes(signal)) {
    if (mailbox.selectable && samePath(mailbox.path, path)) found = mailbox
  }
  return found
}
