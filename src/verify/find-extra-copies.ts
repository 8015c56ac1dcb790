import type { Mailbox } from '../core/mail.ts'
import type { SourceSession } from '../core/connector.ts'
import type { Digests } from '../core/digest.ts'
import type { MailboxRecord, MessageRecord } from '../core/ledger.ts'
import { copyKey, isCopy, readDigests } from '../core/match-digests.ts'
import type { RowDeviation } from './account-for-missing.ts'
import type { VerifyContext } from './verify-project.ts'

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
  const look = ({ key }: { readonly key: string }, digests: Digests): void => {
    const rows = [true, keepsBytes].flatMap((byBytes) => doubted.get(copyKey(digests, byBytes)) ?? [])
    const row = rows.find((each) => each.digests !== null && isCopy(each.digests, digests, { keepsBytes }))
    if (row === undefined) return
    const actual = `a further copy under ${key}`
    extra.push({
      row,
      deviation: { class: 'open', check: 'late-landing', expected: 'one copy', actual, rule: null },
    })
  }
  const there = candidates.map((key) => ({ key, bytes: null }))
  await readDigests(session, mailbox, there, look, signal)
  return extra
}
