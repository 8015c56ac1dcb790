import type { Mailbox } from '../core/mail.ts'
import type { SourceSession } from '../core/connector.ts'
import { digestStream, digestWhole } from '../core/digest.ts'
import type { MailboxRecord, MessageRecord } from '../core/ledger.ts'
import { formatPath, samePath } from '../core/mailbox-path.ts'
import { hex } from '../core/match-digests.ts'
import type { Deviation } from './check-message.ts'
import type { VerifyContext } from './verify-project.ts'
import type { VerifyLevel } from './verify-mailbox.ts'

/** A deviation and the row it belongs to. */
export interface RowDeviation {
  readonly row: MessageRecord
  readonly deviation: Deviation
}

const READ_MESSAGES = 200

/**
 * Says what became of delivered messages that do not lie under their key: found by content in the mailbox (a server
 * that gives no keys) or in another one (the user has filed them), verified before and removed since, or missing.
 */
export async function accountForMissing(
  context: VerifyContext,
  session: SourceSession,
  record: MailboxRecord,
  mailboxes: readonly Mailbox[],
  missing: readonly MessageRecord[],
  presentKeys: readonly string[],
  level: VerifyLevel,
  signal: AbortSignal,
): Promise<{ readonly findings: readonly RowDeviation[]; readonly verifiedIds: readonly number[] }> {
  const findings: RowDeviation[] = []
  const verifiedIds: number[] = []
  const wanted = new Map<string, MessageRecord[]>()
  for (const row of missing) {
    if (row.digests === null) continue
    const key = hex(row.digests.matchDigest)
    wanted.set(key, [...(wanted.get(key) ?? []), row])
  }
  if (level === 'full' && wanted.size > 0) await search()
  for (const row of [...wanted.values()].flat()) {
    const isKnown = row.verifiedAt !== null
    const deviation: Deviation = {
      class: isKnown ? 'removed-after-check' : 'open',
      check: 'missing',
      expected: 'one copy',
      actual: 'none found',
      rule: null,
    }
    findings.push({ row, deviation })
  }
  return { findings, verifiedIds }

  async function search(): Promise<void> {
    const own = mailboxes.find((mailbox) => samePath(mailbox.path, record.destination.path))
    if (own !== undefined) {
      await searchIn(own, unclaimed(record, presentKeys), (row) => verifiedIds.push(row.id))
    }
    for (const mailbox of mailboxes) {
      if (wanted.size === 0) return
      if (mailbox === own) continue
      const keys: string[] = []
      for await (const page of session.listMessages(mailbox, null, signal)) {
        if (page.kind === 'messages') keys.push(...page.messages.map((listed) => listed.key))
      }
      const holder = context.ledger
        .mailboxes(record.pairId)
        .find((entry) => samePath(entry.destination.path, mailbox.path))
      await searchIn(mailbox, holder === undefined ? keys : unclaimed(holder, keys), (row) => {
        verifiedIds.push(row.id)
        const deviation: Deviation = {
          class: 'explained',
          check: 'missing',
          expected: formatPath(record.destination.path),
          actual: formatPath(mailbox.path),
          rule: 'moved-at-destination',
        }
        findings.push({ row, deviation })
      })
    }
  }

  async function searchIn(
    mailbox: Mailbox,
    keys: readonly string[],
    onFound: (row: MessageRecord) => void,
  ): Promise<void> {
    for (let start = 0; start < keys.length && wanted.size > 0; start += READ_MESSAGES) {
      for await (const fetched of session.fetch(mailbox, keys.slice(start, start + READ_MESSAGES), signal)) {
        if (fetched.kind === 'gone') continue
        const digests =
          fetched.kind === 'whole' ? digestWhole(fetched.body) : await digestStream(fetched.body.open())
        const key = hex(digests.matchDigest)
        const rows = wanted.get(key)
        const row = rows?.shift()
        if (row === undefined) continue
        if (rows?.length === 0) wanted.delete(key)
        onFound(row)
      }
    }
  }

  function unclaimed(holder: MailboxRecord, keys: readonly string[]): readonly string[] {
    const { id, validity } = context.ledger.mailbox(holder.id).destination
    return validity === null ? keys : context.ledger.unclaimed(id, validity, keys)
  }
}
