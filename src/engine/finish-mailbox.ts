import type { Mailbox } from '../core/mail.ts'
import type { DestinationSession } from '../core/connector.ts'
import type { Finding } from '../core/ledger.ts'
import type { EngineContext } from './settings.ts'
import type { MailboxWork } from './mailbox-work.ts'
import { mergeFlags } from './merge-flags.ts'
import { isWorkedOff } from './worked-off.ts'
import { freeInAccount, groupCandidates, unclaimedSince } from './reconcile.ts'

/**
 * Ends a mailbox's part of a run: flags are merged, rows that were ever in doubt are counted again, the sums are
 * checked; what was found replaces the findings of the run before. Twice is safe.
 */
export async function finishMailbox(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  destination: Mailbox,
  signal: AbortSignal,
): Promise<void> {
  const { ledger } = context
  if (work.epochsOpen) while (!ledger.endEpochs(work.record.id)) await context.clock.sleep(0, signal)
  work.epochsOpen = false
  const findings: Finding[] = []
  for (const { row, flag, reason, key } of await mergeFlags(context, session, work, destination, signal)) {
    findings.push({
      ...blank(work),
      class: 'explained',
      check: 'flags',
      messageId: row.id,
      sourceKey: row.key,
      destinationKey: key,
      expected: flag,
      actual: reason,
      rule: 'flag-refused',
    })
  }
  findings.push(...(await findLateLandings(context, session, work, destination, signal)))
  const totals = ledger.totals({ mailboxId: work.record.id })
  if (!isWorkedOff(totals, session.capabilities)) {
    const { source, landed, existing, skipped, quarantined, expunged, discovered, appending } = totals
    const expected = `${source} messages of the source have ended`
    const actual = `${landed + existing + skipped + quarantined + expunged} ended, ${discovered} pending, ${appending} in doubt`
    findings.push({ ...blank(work), check: 'balance', expected, actual })
  }
  ledger.replaceFindings(work.record.id, 'run', findings)
}

/** More copies of a row that was in doubt than there are rows: the server stored one after all. */
async function findLateLandings(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  destination: Mailbox,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { ledger } = context
  const rows = ledger.doubted(work.record.id)
  if (rows.length === 0) return []
  const position = await session.position(destination, signal)
  const marks = rows.map((row) => row.position)
  const since = marks.every((mark) => mark?.validity === position.validity)
    ? (marks.reduce(
        (low, mark) => (low === null || (mark !== null && Number(mark.next) < Number(low.next)) ? mark : low),
        null,
      ) ?? null)
    : null
  const { free } = await unclaimedSince(context, session, work, destination, since, position.validity, signal)
  const groups = await groupCandidates(session, destination, freeInAccount(context, session, work, free), signal)
  const findings: Finding[] = []
  for (const row of rows) {
    const copies = groups.of(row.digests)
    if (copies.length === 0) continue
    findings.push({
      ...blank(work),
      check: 'late-landing',
      messageId: row.id,
      sourceKey: row.key,
      destinationKey: row.destinationKey,
      expected: 'one copy',
      actual: `further copies under ${copies.map((copy) => copy.key).join(', ')}`,
    })
    while (groups.take(row) !== null) continue
  }
  return findings
}

function blank(work: MailboxWork): Finding {
  return {
    class: 'open',
    check: '',
    pairId: work.record.pairId,
    mailboxId: work.record.id,
    messageId: null,
    sourceKey: null,
    destinationKey: null,
    expected: '',
    actual: '',
    rule: null,
  }
}
