import type { LedgerReader, MailboxRecord, MessageRecord } from '../../core/ledger.ts'
import { deliveredOf } from '../../core/ledger-rows.ts'
import { CompactRange, hashLeaf } from '../../audit/merkle.ts'
import type { ReportMerkle } from '../../report/completion-report.ts'
import type { LookUpIndex, LookUpOutcome } from '../../report/look-up.ts'

/**
 * Reads every delivered message of an account's mailboxes once: its tree, and the look-up's entries, whose mailboxes count
 * from `first`.
 */
export function readDeliveries(
  mailboxes: readonly MailboxRecord[],
  first: number,
  index: LookUpIndex | null,
  ledger: LedgerReader,
): ReportMerkle {
  const digests: Buffer[] = []
  for (const [place, mailbox] of mailboxes.entries()) {
    for (const message of deliveredOf(ledger, mailbox.id)) {
      if (message.digests !== null) digests.push(Buffer.from(message.digests.digest))
      if (message.messageId !== null) index?.add(message.messageId, outcomeOf(message), first + place)
    }
  }
  return treeOf(digests.sort((a, b) => a.compare(b)))
}

/** The tree over these leaves, in their order (RFC 6962 section 2.1). */
export function treeOf(leaves: readonly Uint8Array[]): ReportMerkle {
  const range = new CompactRange()
  for (const leaf of leaves) range.append(hashLeaf(leaf))
  return { leaves: leaves.length, root: range.root().toString('hex') }
}

function outcomeOf({ state, fidelity }: MessageRecord): LookUpOutcome {
  return fidelity ?? (state === 'existing' ? 'existing' : 'landed')
}
