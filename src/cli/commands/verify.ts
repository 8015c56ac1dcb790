import { Option, type Command } from 'commander'
import type { EngineEvent } from '../../core/events.ts'
import type { VerifyLevel } from '../../verify/verify-mailbox.ts'
import { chooseAccounts } from '../choose-accounts.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { findingDocument, findingLine } from '../findings.ts'
import { accountOption } from '../options.ts'
import { failureCode, isOpen } from '../outcome.ts'
import { errorDocument, failureText } from '../output.ts'
import { formatCount } from '../progress-text.ts'

interface VerifyOptions {
  readonly level: VerifyLevel
  readonly mailbox?: readonly string[]
}

/** Findings shown one by one to people; the rest are counted. */
const MAX_SHOWN = 50

/** `verify`: re-reads the destination and compares. */
export function addVerify(program: Command, start: Start): void {
  program
    .command('verify')
    .description('read the destination again over fresh connections and compare it with what was sent')
    .addOption(
      new Option('--level <level>', 'counts; headers: dates and flags too; full: every byte too')
        .choices(['counts', 'headers', 'full'])
        .default('full'),
    )
    .addOption(accountOption())
    .action((options: VerifyOptions) => start((context) => verify(options, context)))
}

async function verify(options: VerifyOptions, context: CommandContext): Promise<ExitCode> {
  const { enterPairs, openProject } = await import('../open-project.ts')
  const { verifyProject } = await import('../../verify/verify-project.ts')
  const { output, clock } = context
  const project = await openProject(context)
  try {
    const { ledger, destination, config } = project
    const pairs = enterPairs(project, chooseAccounts(project.accounts, options.mailbox))
    let seen = 0
    const events = (event: EngineEvent): void => {
      if (event.event !== 'verified') return
      seen += event.checked
      output.block([`${formatCount(seen)} messages checked`])
    }
    const lanes = config.limits.lanes
    const outcome = await verifyProject(
      { destination, ledger, clock, events, lanes },
      pairs,
      options.level,
      context.stop,
    )
    const { level, checked, findings, failures } = outcome
    for (const { pair, error } of failures) output.warn(`${pair.destination}: ${failureText(error)}`)
    for (const finding of findings.slice(0, MAX_SHOWN)) output.line(findingLine(finding, ledger))
    if (findings.length > MAX_SHOWN)
      output.line(`… and ${formatCount(findings.length - MAX_SHOWN)} more (--json shows all)`)
    const open = findings.filter(isOpen).length
    const code = failureCode(failures.map(({ error }) => error)) ?? (open > 0 ? EXIT.exceptions : EXIT.complete)
    output.line(
      output.paint(
        code === EXIT.complete ? 'green' : 'yellow',
        `${formatCount(checked)} messages checked (${level}): ${formatCount(open)} open, ${formatCount(findings.length - open)} explained or later findings`,
      ),
    )
    output.document({
      level,
      checked,
      findings: findings.map((finding) => findingDocument(finding, ledger)),
      failures: failures.map(({ pair, error }) => ({
        source: pair.source,
        destination: pair.destination,
        error: errorDocument(error),
      })),
    })
    return code
  } finally {
    await project.close()
  }
}
