import type { Mailbox } from '../core/mail.ts'
import type { SourceSession } from '../core/connector.ts'
import type { Digests } from '../core/digest.ts'
import type { MailboxRecord, MessageRecord } from '../core/ledger.ts'
import { formatPath, samePath } from '../core/mailbox-path.ts'
import { copyKey, isCopy, readDigests } from '../core/match-digests.ts'
import type { Fidelity } from '../core/states.ts'
import { checkContent, type Deviation } from './check-message.ts'
import type { VerifyContext } from './verify-project.ts'
import type { VerifyLevel } from './mailbox-check.ts'

/** What became of a row's message. */
export interface RowFidelity {
  readonly row: MessageRecord
  readonly fidelity: Fidelity
}

/** A deviation and the row it belongs to. */
export interface RowDeviation {
  readonly row: MessageRecord
  readonly deviation: Deviation
}

/** Where delivered messages are missing. */
export interface MissingFrom {
  readonly session: SourceSession
  readonly record: MailboxRecord
  /** All of the account's. */
  readonly mailboxes: readonly Mailbox[]
  /** What lies in this one. */
  readonly presentKeys: readonly string[]
}

const READ_MESSAGES = 200

/**
 * Says what became of delivered messages that do not lie under their key: found by content in the mailbox (a server
 * that gives no keys) or in another one (the user has filed them), verified before and removed since, or missing.
 */
export async function accountForMissing(
  context: VerifyContext,
  { session, record, mailboxes, presentKeys }: MissingFrom,
  missing: readonly MessageRecord[],
  level: VerifyLevel,
  signal: AbortSignal,
): Promise<{ readonly findings: readonly RowDeviation[]; readonly fidelities: readonly RowFidelity[] }> {
  const { capabilities } = session
  const findings: RowDeviation[] = []
  const fidelities: RowFidelity[] = []
  const wanted = new Map<string, MessageRecord[]>()
  for (const row of missing) {
    if (row.digests === null) continue
    const key = copyKey(row.digests, capabilities.keepsBytes)
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
    fidelities.push({ row, fidelity: 'missing' })
  }
  return { findings, fidelities }

  async function search(): Promise<void> {
    const own = mailboxes.find((mailbox) => samePath(mailbox.path, record.destination.path))
    if (own !== undefined) {
      await searchIn(own, unclaimed(record, presentKeys), found)
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
      await searchIn(mailbox, holder === undefined ? keys : unclaimed(holder, keys), (row, digests) => {
        found(row, digests)
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

  function found(row: MessageRecord, digests: Digests): void {
    if (row.digests !== null)
      fidelities.push({ row, fidelity: checkContent(row.digests, digests, capabilities).fidelity })
  }

  async function searchIn(
    mailbox: Mailbox,
    keys: readonly string[],
    onFound: (row: MessageRecord, digests: Digests) => void,
  ): Promise<void> {
    for (let start = 0; start < keys.length && wanted.size > 0; start += READ_MESSAGES) {
      const slice = keys.slice(start, start + READ_MESSAGES).map((key) => ({ key, bytes: null }))
      const take = (_: unknown, digests: Digests): void => {
        for (const key of new Set([copyKey(digests, true), copyKey(digests, capabilities.keepsBytes)])) {
          const rows = wanted.get(key) ?? []
          const at = rows.findIndex((row) => row.digests !== null && isCopy(row.digests, digests, capabilities))
          const [row] = at === -1 ? [] : rows.splice(at, 1)
          if (row === undefined) continue
          if (rows.length === 0) wanted.delete(key)
          onFound(row, digests)
          break
        }
      }
      await readDigests(session, mailbox, slice, take, signal)
    }
  }

  function unclaimed(holder: MailboxRecord, keys: readonly string[]): readonly string[] {
    const { id, validity } = context.ledger.mailbox(holder.id).destination
    return validity === null ? keys : context.ledger.unclaimed(id, validity, keys)
  }
}
