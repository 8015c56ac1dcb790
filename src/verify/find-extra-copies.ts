import type { Mailbox } from '../core/mail.ts'
import type { SourceSession } from '../core/connector.ts'
import type { MailboxRecord, MessageRecord } from '../core/ledger.ts'
import { copyKey, digestFetched, isCopy } from '../core/match-digests.ts'
import type { RowDeviation } from './account-for-missing.ts'
import type { VerifyContext } from './verify-project.ts'

const READ_MESSAGES = 200

/**
 * Counts the copies of messages whose append was ever in doubt once more: a further one, which no row has claimed,
 * was stored late by the server.
 */
export async function findExtraCopies(
  context: VerifyContext,
  session: SourceSession,
  record: MailboxRecord,
  mailbox: Mailbox,
  presentKeys: readonly string[],
  signal: AbortSignal,
): Promise<readonly RowDeviation[]> {
  const { ledger } = context
  const { keepsBytes } = session.capabilities
  const doubted = new Map<string, MessageRecord[]>()
  for (const row of ledger.doubted(record.id)) {
    if (row.digests === null) continue
    const key = copyKey(row.digests, keepsBytes)
    doubted.set(key, [...(doubted.get(key) ?? []), row])
  }
  const { id, validity } = ledger.mailbox(record.id).destination
  if (doubted.size === 0 || validity === null) return []
  const { labels } = session.capabilities
  const candidates = ledger
    .unclaimed(id, validity, presentKeys)
    .filter((key) => !labels || ledger.copyHolder(id, key) === null)
  const extra: RowDeviation[] = []
  for (let start = 0; start < candidates.length; start += READ_MESSAGES) {
    for await (const fetched of session.fetch(mailbox, candidates.slice(start, start + READ_MESSAGES), signal)) {
      if (fetched.kind === 'gone' || fetched.kind === 'unreadable') continue
      const digests = await digestFetched(fetched, session.capabilities)
      const rows = [true, keepsBytes].flatMap((byBytes) => doubted.get(copyKey(digests, byBytes)) ?? [])
      const row = rows.find((each) => each.digests !== null && isCopy(each.digests, digests, { keepsBytes }))
      if (row === undefined) continue
      const actual = `a further copy under ${fetched.key}`
      extra.push({
        row,
        deviation: { class: 'open', check: 'late-landing', expected: 'one copy', actual, rule: null },
      })
    }
  }
  return extra
}
