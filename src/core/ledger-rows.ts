import type { LedgerReader, MessageRecord } from './ledger.ts'

const PAGE = 500

/** What was quarantined or skipped of a pair, page by page. */
export function exceptionsOf(ledger: Pick<LedgerReader, 'exceptions'>, pairId: number): Generator<MessageRecord> {
  return inPages((afterId) => ledger.exceptions(pairId, afterId, PAGE))
}

/** What has been delivered of a mailbox, page by page. */
export function deliveredOf(ledger: Pick<LedgerReader, 'delivered'>, mailboxId: number): Generator<MessageRecord> {
  return inPages((afterId) => ledger.delivered(mailboxId, afterId, PAGE))
}

function* inPages(read: (afterId: number) => readonly MessageRecord[]): Generator<MessageRecord> {
  let after = 0
  for (;;) {
    const page = read(after)
    yield* page
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return
    after = last.id
  }
}
