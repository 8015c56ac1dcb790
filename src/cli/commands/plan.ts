import type { Command } from 'commander'
import { formatPath } from '../../core/mailbox-path.ts'
import type { PlannedMailbox, PlannedPair } from '../../engine/plan-project.ts'
import { chooseAccounts } from '../project/choose-accounts.ts'
import { formatSize } from '../config/units.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { accountOption, waveOption, confirmOption } from '../options.ts'
import { failureCode } from '../outcome.ts'
import { errorDocument, failureText, type Output } from '../terminal/output.ts'
import { formatCount } from '../terminal/progress-text.ts'
import { table } from '../terminal/table.ts'

interface PlanOptions {
  readonly mailbox?: readonly string[]
  readonly wave?: readonly string[]
  readonly confirm?: readonly string[]
}

/** `plan`: looks at both ends and says what a run would do. */
export function addPlan(program: Command, start: Start): void {
  program
    .command('plan')
    .description('say what would be moved and where to; changes nothing')
    .addOption(accountOption())
    .addOption(waveOption())
    .addOption(confirmOption())
    .action((options: PlanOptions) => start((context) => showPlan(options, context)))
}

/** Shows the plan; changes nothing at either end, nor in the ledger. */
export async function showPlan(options: PlanOptions, context: CommandContext): Promise<ExitCode> {
  const { knownPairs, noteCredentialUse, openProject } = await import('../project/open-project.ts')
  const { confirmPairs } = await import('../project/confirm-pairs.ts')
  const { planProject } = await import('../../engine/plan-project.ts')
  const { ByteBudget } = await import('../../engine/byte-budget.ts')
  const { output, clock, stop } = context
  const project = await openProject(context)
  try {
    const { source, destination, ledger, spool, config } = project
    const { mapping, filters, limits } = config
    await confirmPairs(project, options.confirm ?? [], context)
    const accounts = chooseAccounts(project.accounts, options)
    const pairs = knownPairs(project, accounts)
    await noteCredentialUse(project, accounts, 'plan')
    const events = project.log.event
    const budget = new ByteBudget(limits.memoryBytes)
    const plans = await planProject(
      { source, destination, ledger, spool, clock, events, mapping, filters, limits, budget },
      pairs,
      (planned) => showAccount(planned, output),
      stop,
    )
    showTotal(plans, output)
    output.document(planDocument(plans))
    return failureCode(plans.flatMap(({ error }) => (error === null ? [] : [error]))) ?? EXIT.complete
  } finally {
    await project.close()
  }
}

function showAccount(planned: PlannedPair, output: Output): void {
  const { pair, error } = planned
  output.line(output.paint('bold', `${pair.source} -> ${pair.destination}`))
  if (error !== null) {
    output.warn(`${pair.source}: ${failureText(error)}`)
    return
  }
  const rows = planned.mailboxes.map((mailbox) => [
    formatPath(mailbox.sourcePath),
    formatPath(mailbox.destinationPath),
    formatCount(mailbox.messages),
    formatSize(mailbox.bytes),
    remarks(mailbox).join(', '),
  ])
  for (const line of table(['mailbox', 'becomes', 'messages', 'size', ''], rows)) output.line(`  ${line}`)
  if (planned.excluded.length > 0) output.line(`  left out: ${planned.excluded.map(formatPath).join(', ')}`)
  if (planned.shortfallBytes !== null && planned.shortfallBytes > 0) {
    output.line(
      output.paint('yellow', `  quota: ${formatSize(planned.shortfallBytes)} too little at the destination`),
    )
  }
  output.line()
}

function remarks(mailbox: PlannedMailbox): readonly string[] {
  return [
    mailbox.exists ? null : 'to be created',
    mailbox.note === null || mailbox.note === 'parent' ? null : NOTES[mailbox.note],
    mailbox.oversized.length === 0 ? null : `${formatCount(mailbox.oversized.length)} too large`,
    mailbox.filtered === 0 ? null : `${formatCount(mailbox.filtered)} filtered out`,
  ].filter((remark) => remark !== null)
}

const NOTES = {
  rule: 'by rule',
  'special-use': 'special use',
  renamed: 'renamed',
  collision: 'renamed: the name is taken',
  earlier: 'as before',
} as const

function showTotal(plans: readonly PlannedPair[], output: Output): void {
  const good = plans.filter((plan) => plan.error === null)
  const mailboxes = good.flatMap((plan) => plan.mailboxes)
  const oversized = mailboxes.reduce((sum, mailbox) => sum + mailbox.oversized.length, 0)
  const missing = mailboxes.filter((mailbox) => !mailbox.exists).length
  const parts = [
    `${formatCount(good.length)} account${good.length === 1 ? '' : 's'}`,
    `${formatCount(mailboxes.length)} mailbox${mailboxes.length === 1 ? '' : 'es'} (${formatCount(missing)} to be created)`,
    `${formatCount(total(good, 'messages'))} messages`,
    formatSize(total(good, 'bytes')),
    oversized === 0 ? null : `${formatCount(oversized)} too large for the destination`,
    good.length === plans.length ? null : `${formatCount(plans.length - good.length)} could not be looked at`,
  ]
  output.line(parts.filter((part) => part !== null).join(', '))
}

/** The plan as `--json` shows it. */
export function planDocument(plans: readonly PlannedPair[]): object {
  return {
    accounts: plans.map((plan) => ({
      source: plan.pair.source,
      destination: plan.pair.destination,
      messages: plan.messages,
      bytes: plan.bytes,
      maxMessageBytes: plan.maxMessageBytes,
      maxLineBytes: plan.maxLineBytes,
      quota: plan.quota,
      shortfallBytes: plan.shortfallBytes,
      mailboxes: plan.mailboxes.map((mailbox) => ({
        source: formatPath(mailbox.sourcePath),
        destination: formatPath(mailbox.destinationPath),
        create: !mailbox.exists,
        note: mailbox.note,
        messages: mailbox.messages,
        bytes: mailbox.bytes,
        filtered: mailbox.filtered,
        oversized: mailbox.oversized,
      })),
      excluded: plan.excluded.map(formatPath),
      error: plan.error === null ? null : errorDocument(plan.error),
    })),
    messages: total(plans, 'messages'),
    bytes: total(plans, 'bytes'),
  }
}

function total(plans: readonly PlannedPair[], key: 'messages' | 'bytes'): number {
  return plans.reduce((sum, plan) => sum + plan[key], 0)
}
