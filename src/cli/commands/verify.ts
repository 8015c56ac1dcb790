import { Option, type Command } from 'commander'
import { counted, formatCount } from '../../core/counted.ts'
import type { EngineEvent } from '../../core/events.ts'
import type { Ledger, Pair } from '../../core/ledger.ts'
import type { FidelityCounts } from '../../core/states.ts'
import type { VerifyLevel } from '../../verify/mailbox-check.ts'
import { chooseAccounts } from '../project/choose-accounts.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { findingDocument, findingLine, missingAdvice } from '../project/findings.ts'
import { accountOption, waveOption } from '../options.ts'
import { failureCode, isOpen, stateOf } from '../outcome.ts'
import { errorDocument, failureText } from '../terminal/output.ts'
import { tellWaits } from '../terminal/tell-waits.ts'

interface VerifyOptions {
  readonly level: VerifyLevel
  readonly mailbox?: readonly string[]
  readonly wave?: readonly string[]
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
    .addOption(waveOption())
    .action((options: VerifyOptions) => start((context) => verify(options, context)))
}

async function verify(options: VerifyOptions, context: CommandContext): Promise<ExitCode> {
  const { knownPairs, noteCredentialUse, openProject } = await import('../project/open-project.ts')
  const { verifyProject } = await import('../../verify/verify-project.ts')
  const { output, clock } = context
  const project = await openProject(context)
  try {
    const { ledger, destination, config } = project
    const accounts = chooseAccounts(project.accounts, options)
    const chosen = knownPairs(project, accounts)
    await noteCredentialUse(project, accounts, 'verify')
    const pairs = chosen.filter((pair) => pair.id !== 0)
    let seen = 0
    const tell = tellWaits(output)
    const events = (event: EngineEvent): void => {
      project.log.event(event)
      tell(event)
      if (event.event !== 'verified') return
      seen += event.checked
      output.block([`${counted(seen, 'message')} checked`])
    }
    const { accounts: atOnce, lanesAtFirst: lanes, memoryBytes, hours } = config.limits
    const outcome = await verifyProject(
      { destination, ledger, clock, events, accounts: atOnce, lanes, memoryBytes, hours },
      pairs,
      options.level,
      project.freeze.signal,
    )
    const { level, checked, findings, failures } = outcome
    for (const { pair, error } of failures) output.warn(`${pair.destination}: ${failureText(error)}`)
    for (const finding of findings.slice(0, MAX_SHOWN)) output.line(findingLine(finding, ledger))
    if (findings.length > MAX_SHOWN)
      output.line(`… and ${formatCount(findings.length - MAX_SHOWN)} more (--json shows all)`)
    const open = findings.filter(isOpen).length
    const left = notMoved(chosen, ledger)
    if (left.accounts > 0 || left.messages > 0) {
      output.warn(
        `not all has been moved yet: ${counted(left.accounts, 'account')} not begun, ${counted(left.messages, 'message')} to move`,
      )
    }
    const clean = open === 0 && left.accounts === 0 && left.messages === 0
    const code = failureCode(failures.map(({ error }) => error)) ?? (clean ? EXIT.complete : EXIT.exceptions)
    output.line(
      output.paint(
        code === EXIT.complete ? 'green' : 'yellow',
        `${counted(checked, 'message')} checked (${level}): ${formatCount(open)} open, ${counted(findings.length - open, 'explained or later finding')}`,
      ),
    )
    const fidelity = fidelityOf(pairs, ledger)
    if (level === 'full') output.line(fidelityLine(fidelity))
    const advice = missingAdvice(findings)
    if (advice !== null) output.line(advice)
    output.document({
      level,
      checked,
      fidelity,
      findings: findings.map((finding) => findingDocument(finding, ledger)),
      notMoved: left,
      failures: failures.map(({ pair, error }) => ({
        source: pair.source,
        destination: pair.destination,
        error: errorDocument(error),
      })),
    })
    await project.audit.note('verify', {
      facts: { level, accounts: pairs.length, checked, open, failures: failures.length },
    })
    await project.audit.checkpoint()
    project.freeze.assertNotStopped()
    return code
  } finally {
    await project.close()
  }
}

/** What the last full verification found of each delivered message of these pairs. */
function fidelityOf(pairs: readonly Pair[], ledger: Ledger): FidelityCounts {
  const counts = { identical: 0, equivalent: 0, altered: 0, missing: 0, unchecked: 0 }
  for (const pair of pairs) {
    for (const [fidelity, messages] of Object.entries(ledger.fidelity(pair.id)))
      counts[fidelity as keyof FidelityCounts] += messages
  }
  return counts
}

function fidelityLine(fidelity: FidelityCounts): string {
  return Object.entries(fidelity)
    .filter(([name, messages]) => messages > 0 || name === 'identical')
    .map(([name, messages]) => `${formatCount(messages)} ${name}`)
    .join(', ')
}

/** What verification cannot speak for: a clean look at half of the mail must not read as a clean bill. */
function notMoved(
  pairs: readonly Pair[],
  ledger: Ledger,
): { readonly accounts: number; readonly messages: number } {
  const states = pairs.map((pair) => ({
    state: stateOf(pair, ledger),
    totals: ledger.totals({ pairId: pair.id }),
  }))
  return {
    accounts: states.filter(({ state }) => state === 'not begun').length,
    messages: states.reduce((sum, { totals }) => sum + totals.discovered + totals.appending, 0),
  }
}
