import { formatInstant } from '../../core/clock.ts'
import type { Finding, LedgerReader, MessageRecord, Pair } from '../../core/ledger.ts'
import { exceptionsOf } from '../../core/ledger-rows.ts'
import { formatPath } from '../../core/mailbox-path.ts'
import type { FidelityCounts, Totals } from '../../core/states.ts'
import type {
  CompletionReport,
  ReportAccount,
  ReportBytes,
  ReportCounts,
  ReportException,
  ReportFinding,
} from '../../report/completion-report.ts'
import { LookUpIndex } from '../../report/look-up.ts'
import { stateOf } from '../outcome.ts'
import { readDeliveries, treeOf } from './deliveries.ts'

/** What a report is about, besides what the ledger knows. */
export type ReportSubject = Pick<
  CompletionReport,
  'client' | 'project' | 'written' | 'tool' | 'passes' | 'checkpoint'
> & { readonly last: CompletionReport['verification']['last'] }

/** Above, a page with its index would be too large to be opened: 11 bytes an entry, 15 characters. */
const MOST_LOOKED_UP = 2_000_000
const NO_FIDELITY: FidelityCounts = { identical: 0, equivalent: 0, altered: 0, missing: 0, unchecked: 0 }

/**
 * Gathers the report on these pairs out of the ledger, reading every delivered message once. The index is null where there
 * are too many messages for it. A pair with id 0 is not in the ledger yet.
 */
export function buildReport(
  subject: ReportSubject,
  pairs: readonly Pair[],
  ledger: LedgerReader,
): { readonly report: CompletionReport; readonly index: LookUpIndex | null } {
  const { last, ...head } = subject
  const totals = pairs.map((pair) => (pair.id === 0 ? null : ledger.totals({ pairId: pair.id })))
  const messages = totals.reduce((sum, each) => sum + (each?.source ?? 0), 0)
  const index = messages > MOST_LOOKED_UP ? null : new LookUpIndex()
  const accounts: ReportAccount[] = []
  const exceptions: ReportException[] = []
  let first = 0
  for (const pair of pairs) {
    const account = accountOf(pair, first, index, ledger)
    accounts.push(account)
    for (const message of exceptionsOf(ledger, pair.id)) {
      exceptions.push(exceptionOf(pair, message, ledger))
      const place = mailboxesOf(pair, ledger).findIndex(({ id }) => id === message.mailboxId)
      if (message.messageId !== null) index?.add(message.messageId, endOf(message), first + place)
    }
    first += account.mailboxes.length
  }
  const counts = sumOf(accounts.map((account) => account.counts))
  const delivered = counts.landed + counts.existing
  const verified = accounts.reduce((sum, account) => sum + account.verified, 0)
  const report: CompletionReport = {
    format: 'sealpost-completion-report',
    version: 1,
    ...head,
    complete: accounts.length > 0 && accounts.every(({ state }) => state === 'moved'),
    counts,
    bytes: sumOf(accounts.map(({ bytes }) => bytes)),
    fidelity: sumOf(accounts.map(({ fidelity }) => fidelity)),
    verification: { verified, unverified: delivered - verified, last },
    merkle: treeOf(accounts.map(({ merkle }) => Buffer.from(merkle.root, 'hex'))),
    accounts,
    exceptions,
    findings: pairs.flatMap((pair) => findingsOf(pair, ledger)),
    limits: ledger.limitsMet().flatMap(({ pairId, reason, waits, last: until }) => {
      const pair = pairs.find(({ id }) => id === pairId)
      return pair === undefined ? [] : [{ account: pair.source, reason, waits, last: formatInstant(until) }]
    }),
  }
  return { report, index }
}

function accountOf(pair: Pair, first: number, index: LookUpIndex | null, ledger: LedgerReader): ReportAccount {
  const { source, destination } = pair
  const mailboxes = mailboxesOf(pair, ledger)
  const totals = ledger.totals({ pairId: pair.id })
  const known = pair.id !== 0
  return {
    source,
    destination,
    state: stateOf(pair, ledger),
    counts: countsOf(totals),
    bytes: bytesOf(totals),
    fidelity: known ? ledger.fidelity(pair.id) : NO_FIDELITY,
    verified: known ? totals.landed + totals.existing - ledger.unverified(pair.id) : 0,
    merkle: readDeliveries(mailboxes, first, index, ledger),
    mailboxes: mailboxes.map((mailbox) => {
      const sums = ledger.totals({ mailboxId: mailbox.id })
      return {
        source: formatPath(mailbox.sourcePath),
        destination: formatPath(mailbox.destination.path),
        specialUse: mailbox.specialUse,
        counts: countsOf(sums),
        bytes: bytesOf(sums),
      }
    }),
  }
}

function mailboxesOf(pair: Pair, ledger: LedgerReader): ReturnType<LedgerReader['mailboxes']> {
  return pair.id === 0 ? [] : ledger.mailboxes(pair.id)
}

/** Without the server's words: they may repeat addresses out of the message. */
function exceptionOf(pair: Pair, message: MessageRecord, ledger: LedgerReader): ReportException {
  return {
    account: pair.source,
    mailbox: formatPath(ledger.mailbox(message.mailboxId).sourcePath),
    uid: message.key,
    state: endOf(message),
    code: message.reason?.code ?? message.state,
    bytes: message.bytes,
    date: formatInstant(message.internalDate),
  }
}

function endOf({ state }: MessageRecord): 'skipped' | 'quarantined' {
  return state === 'skipped' ? 'skipped' : 'quarantined'
}

function findingsOf(pair: Pair, ledger: LedgerReader): readonly ReportFinding[] {
  if (pair.id === 0) return []
  const groups = new Map<string, { readonly finding: Finding; count: number }>()
  for (const finding of ledger.findings(pair.id)) {
    const key = JSON.stringify([finding.mailboxId, finding.class, finding.check, finding.rule])
    const group = groups.get(key) ?? { finding, count: 0 }
    group.count++
    groups.set(key, group)
  }
  return [...groups.values()].map(({ finding, count }) => ({
    account: pair.source,
    mailbox: formatPath(ledger.mailbox(finding.mailboxId).sourcePath),
    class: finding.class,
    check: finding.check,
    rule: finding.rule,
    count,
  }))
}

function countsOf(totals: Totals): ReportCounts {
  const { source, discovered, appending, landed, merged, existing, skipped, quarantined, expunged } = totals
  return { source, pending: discovered + appending, landed, merged, existing, skipped, quarantined, expunged }
}

function bytesOf({ sourceBytes, landedBytes }: Totals): ReportBytes {
  return { source: sourceBytes, landed: landedBytes }
}

/** The sum of each member; there is at least one account, as the files are checked for. */
function sumOf<T extends { readonly [K in keyof T]: number }>(all: readonly T[]): T {
  const [first] = all
  const names = first === undefined ? [] : (Object.keys(first) as (keyof T)[])
  return Object.fromEntries(names.map((name) => [name, all.reduce((sum, one) => sum + one[name], 0)])) as T
}
