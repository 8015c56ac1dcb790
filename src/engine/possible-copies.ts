import type { Ledger, MailboxRecord, MessageRecord } from '../core/ledger.ts'

/** What such a finding looked at, and the rule that explains it. */
const POSSIBLE_COPY = 'possible-copy'

/**
 * Says of rows that are sent again that an earlier copy may be with a user who has moved or removed it: something was stored
 * while they were in doubt, is no longer there, and their bytes are nowhere in the account (invariant 5). What was said
 * before stays said. Twice is safe.
 */
export function notePossibleCopies(
  ledger: Ledger,
  { id: mailboxId, pairId }: Pick<MailboxRecord, 'id' | 'pairId'>,
  rows: readonly MessageRecord[],
): void {
  if (rows.length === 0) return
  const earlier = ledger
    .findings(pairId)
    .filter((finding) => finding.mailboxId === mailboxId && finding.check === POSSIBLE_COPY)
  const said = new Set(earlier.map(({ messageId }) => messageId))
  const added = rows
    .filter(({ id }) => !said.has(id))
    .map((row) => ({
      class: 'explained' as const,
      check: POSSIBLE_COPY,
      ...{ pairId, mailboxId, messageId: row.id, sourceKey: row.key, destinationKey: null },
      expected: 'one copy',
      actual:
        'to be sent again: a copy that was stored before, if it was, has been moved or removed since and is not in the account',
      rule: POSSIBLE_COPY,
    }))
  if (added.length > 0) ledger.replaceFindings(mailboxId, 'doubt', [...earlier, ...added])
}
