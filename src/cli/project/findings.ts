import type { Finding, LedgerReader, Pair } from '../../core/ledger.ts'
import { formatPath } from '../../core/mailbox-path.ts'

/** A finding as `--json` shows it: which mailbox, which message, what was expected and what is there. */
export function findingDocument(finding: Finding, ledger: LedgerReader): object {
  const { pair, sourcePath, destinationPath } = placeOf(finding, ledger)
  return {
    class: finding.class,
    check: finding.check,
    source: pair?.source ?? null,
    destination: pair?.destination ?? null,
    mailbox: destinationPath,
    sourceMailbox: sourcePath,
    uid: finding.destinationKey,
    sourceUid: finding.sourceKey,
    expected: finding.expected,
    actual: finding.actual,
    rule: finding.rule,
  }
}

/** A finding on one line, for people. */
export function findingLine(finding: Finding, ledger: LedgerReader): string {
  const { pair, destinationPath } = placeOf(finding, ledger)
  const uid = finding.destinationKey ?? (finding.sourceKey === null ? null : `source ${finding.sourceKey}`)
  const message = uid === null ? '' : ` message ${uid}`
  const rule = finding.rule === null ? '' : ` (${finding.rule})`
  return `${finding.class}: ${pair?.destination ?? ''} ${destinationPath}${message}: ${finding.check}: expected ${finding.expected}, found ${finding.actual}${rule}`
}

/** What can be done about open findings of mail that is missing, on one line; null where none is. */
export function missingAdvice(findings: readonly Finding[]): string | null {
  const isMissing = findings.some((finding) => finding.class === 'open' && finding.check === 'missing')
  return isMissing ? 'What is missing is sent again by `sealpost retry --missing`' : null
}

interface Place {
  readonly pair: Pair | undefined
  readonly sourcePath: string
  readonly destinationPath: string
}

function placeOf(finding: Finding, ledger: LedgerReader): Place {
  const record = ledger.mailbox(finding.mailboxId)
  return {
    pair: ledger.pairs().find((candidate) => candidate.id === finding.pairId),
    sourcePath: formatPath(record.sourcePath),
    destinationPath: formatPath(record.destination.path),
  }
}
