import type { Mailbox } from '../core/mail.ts'
import { samePath } from '../core/mailbox-path.ts'
import type { Pair } from '../core/ledger.ts'
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
  const lives = (path: readonly string[]): boolean =>
    present.some((mailbox) => mailbox.selectable && samePath(mailbox.path, path))
  for (const { id, cursor, sourcePath } of ledger.mailboxes(pair.id)) {
    if (cursor === VANISHED || lives(sourcePath)) continue
    ledger.beginEpoch(id)
    while (!ledger.continueEpoch(id)) await clock.sleep(0, signal)
    while (!ledger.endEpochs(id)) await clock.sleep(0, signal)
    // Last, since it says that all of it is done.
    ledger.endListing(id, ledger.beginListing(id), VANISHED, true)
  }
}
