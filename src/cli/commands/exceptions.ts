import type { Command } from 'commander'
import { formatInstant } from '../../core/clock.ts'
import { counted } from '../../core/counted.ts'
import type { LedgerReader, MessageRecord, Pair } from '../../core/ledger.ts'
import { exceptionsOf } from '../../core/ledger-rows.ts'
import { formatPath } from '../../core/mailbox-path.ts'
import { chooseAccounts, type AccountChoice } from '../project/choose-accounts.ts'
import { formatSize } from '../config/units.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { findingDocument, findingLine, missingAdvice } from '../project/findings.ts'
import { accountOption, waveOption } from '../options.ts'
import { isOpen } from '../outcome.ts'

/** `exceptions`: what did not go, and why. */
export function addExceptions(program: Command, start: Start): void {
  program
    .command('exceptions')
    .description('list what was quarantined or skipped and why, and open findings; makes no connection')
    .addOption(accountOption())
    .addOption(waveOption())
    .action((options: AccountChoice) => start((context) => exceptions(options, context)))
}

async function exceptions(choice: AccountChoice, context: CommandContext): Promise<ExitCode> {
  const { knownPairs, openReadable } = await import('../project/open-project.ts')
  const { output } = context
  const project = await openReadable(context)
  try {
    const { ledger } = project
    const pairs = knownPairs(project, chooseAccounts(project.accounts, choice)).filter((pair) => pair.id !== 0)
    const documents: object[] = []
    let count = 0
    for (const pair of pairs) {
      for (const message of exceptionsOf(ledger, pair.id)) {
        count++
        output.line(exceptionLine(pair, message, ledger))
        if (output.json) documents.push(exceptionDocument(pair, message, ledger))
      }
    }
    const findings = pairs.flatMap((pair) => ledger.findings(pair.id)).filter(isOpen)
    for (const finding of findings) output.line(findingLine(finding, ledger))
    output.line(`${counted(count, 'message')} did not go, ${counted(findings.length, 'open finding')}`)
    const advice = missingAdvice(findings)
    if (advice !== null) output.line(advice)
    output.document({
      exceptions: documents,
      findings: findings.map((finding) => findingDocument(finding, ledger)),
    })
    return EXIT.complete
  } finally {
    await project.close()
  }
}

function exceptionLine(pair: Pair, message: MessageRecord, ledger: LedgerReader): string {
  const mailbox = formatPath(ledger.mailbox(message.mailboxId).sourcePath)
  const server = message.reason?.serverText == null ? '' : ` (server: ${message.reason.serverText})`
  const what = `${message.state}: ${pair.source} ${mailbox} message ${message.key}, ${formatSize(message.bytes)}`
  return `${what}: ${message.reason?.text ?? 'no reason noted'}${server}`
}

function exceptionDocument(pair: Pair, message: MessageRecord, ledger: LedgerReader): object {
  return {
    state: message.state,
    source: pair.source,
    destination: pair.destination,
    mailbox: formatPath(ledger.mailbox(message.mailboxId).sourcePath),
    uid: message.key,
    bytes: message.bytes,
    date: formatInstant(message.internalDate),
    messageId: message.messageId,
    reason: message.reason,
  }
}
