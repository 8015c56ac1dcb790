import type { Mailbox } from '../core/mail.ts'
import type { SourceSession } from '../core/connector.ts'
import { digestStream, digestWhole } from '../core/digest.ts'
import type { MailboxRecord, MessageRecord } from '../core/ledger.ts'
import { hex } from '../core/match-digests.ts'
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
  const doubted = new Map<string, MessageRecord>()
  for (const row of ledger.doubted(record.id)) {
    if (row.digests !== null) doubted.set(hex(row.digests.matchDigest), row)
  }
  const { id, validity } = ledger.mailbox(record.id).destination
  if (doubted.size === 0 || validity === null) return []
  const candidates = new Set(ledger.unclaimed(id, validity, presentKeys))
  const extra: RowDeviation[] = []
  const keys = [...candidates]
  for (let start = 0; start < keys.length; start += READ_MESSAGES) {
    for await (const fetched of session.fetch(mailbox, keys.slice(start, start + READ_MESSAGES), signal)) {
      if (fetched.kind === 'gone') continue
      const digests =
        fetched.kind === 'whole' ? digestWhole(fetched.body) : await digestStream(fetched.body.open())
      const row = doubted.get(hex(digests.matchDigest))
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
