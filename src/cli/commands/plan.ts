import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { formatInstant } from '../../core/clock.ts'
import { counted, formatCount } from '../../core/counted.ts'
import { SealpostError } from '../../core/errors.ts'
import type { EngineEvent } from '../../core/events.ts'
import { formatPath } from '../../core/mailbox-path.ts'
import type { PlannedMailbox, PlannedPair } from '../../engine/plan-project.ts'
import { unusedRules } from '../../engine/unused-rules.ts'
import type { MappingRules } from '../../engine/mapping.ts'
import { LANGUAGES, type Language } from '../../report/intake-words.ts'
import { chooseAccounts } from '../project/choose-accounts.ts'
import { formatSize } from '../config/units.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { accountOption, waveOption, confirmOption } from '../options.ts'
import { failureCode } from '../outcome.ts'
import { failureText, type Output } from '../terminal/output.ts'
import { table } from '../terminal/table.ts'
import { tellWaits } from '../terminal/tell-waits.ts'
import { readVersion } from '../version.ts'

interface PlanOptions {
  readonly mailbox?: readonly string[]
  readonly wave?: readonly string[]
  readonly confirm?: readonly string[]
  readonly html?: string
  readonly language?: Language
}

/** `plan`: looks at both ends and says what a run would do. */
export function addPlan(program: Command, start: Start): void {
  program
    .command('plan')
    .description('say what would be moved and where to; changes nothing')
    .addOption(accountOption())
    .addOption(waveOption())
    .addOption(confirmOption())
    .addOption(new Option('--html <file>', 'also write it as a page for the client'))
    .addOption(new Option('--language <code>', 'language of the page').choices(LANGUAGES).default('en'))
    .action((options: PlanOptions) => start((context) => showPlan(options, context)))
}

/** Shows the plan; changes nothing at either end, nor in the ledger. */
export async function showPlan(options: PlanOptions, context: CommandContext): Promise<ExitCode> {
  const { knownPairs, noteCredentialUse, openProject } = await import('../project/open-project.ts')
  const { confirmPairs } = await import('../project/confirm-pairs.ts')
  const { planProject } = await import('../../engine/plan-project.ts')
  const { buildPlan } = await import('../report/build-plan.ts')
  const { ByteBudget } = await import('../../core/byte-budget.ts')
  const { output, clock, stop } = context
  const page = options.html === undefined ? null : await placeOfPage(options.html)
  const project = await openProject(context)
  try {
    const { source, destination, ledger, spool, config } = project
    const { mapping, filters, limits } = config
    await confirmPairs(project, options.confirm ?? [], context)
    const accounts = chooseAccounts(project.accounts, options)
    const pairs = knownPairs(project, accounts)
    await noteCredentialUse(project, accounts, 'plan')
    const tell = tellWaits(output)
    const events = (event: EngineEvent): void => {
      project.log.event(event)
      tell(event)
    }
    const budget = new ByteBudget(limits.memoryBytes)
    const plans = await planProject(
      { source, destination, ledger, spool, clock, events, mapping, filters, limits, budget },
      pairs,
      (planned) => showAccount(planned, output),
      stop,
    )
    showTotal(plans, output)
    warnOfUnused(mapping, plans, output)
    const head = {
      project: project.folder.record.id,
      written: formatInstant(clock.now()),
      tool: `sealpost ${readVersion()}`,
    }
    const report = buildPlan(head, plans, config)
    if (page !== null) {
      const { planHtml } = await import('../../report/plan-html.ts')
      const { writePrivateFile } = await import('../../files/durable.ts')
      await project.audit.note('document-issued', { facts: { kind: 'plan' } })
      await writePrivateFile(page, Buffer.from(planHtml(report, options.language ?? 'en'), 'utf8'))
      output.line(`Wrote ${page}`)
    }
    output.document(report)
    return failureCode(plans.flatMap(({ error }) => (error === null ? [] : [error]))) ?? EXIT.complete
  } finally {
    await project.close()
  }
}

/** Found out before mailboxes are listed, which may take an hour. Throws `config`. */
async function placeOfPage(file: string): Promise<string> {
  const path = resolve(file)
  const folder = dirname(path)
  if ((await stat(folder).catch(() => null))?.isDirectory() !== true) {
    throw new SealpostError('config', `${folder} is not a folder`, { hint: 'make it, or name another file' })
  }
  if ((await stat(path).catch(() => null))?.isDirectory() === true)
    throw new SealpostError('config', `${path} is a folder`, { hint: 'name a file in it' })
  return path
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
    mailbox.unlisted === null
      ? null
      : `cannot be read: ${mailbox.unlisted.serverText ?? mailbox.unlisted.message}`,
    mailbox.exists ? null : 'to be created',
    mailbox.note === null || mailbox.note === 'parent' ? null : NOTES[mailbox.note],
    mailbox.tooLarge.messages === 0 ? null : `${formatCount(mailbox.tooLarge.messages)} too large`,
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
  const oversized = mailboxes.reduce((sum, mailbox) => sum + mailbox.tooLarge.messages, 0)
  const missing = mailboxes.filter((mailbox) => !mailbox.exists).length
  const parts = [
    counted(good.length, 'account'),
    `${counted(mailboxes.length, 'mailbox', 'mailboxes')} (${formatCount(missing)} to be created)`,
    counted(total(good, 'messages'), 'message'),
    formatSize(total(good, 'bytes')),
    oversized === 0 ? null : `${formatCount(oversized)} too large for the destination`,
    good.length === plans.length ? null : `${formatCount(plans.length - good.length)} could not be looked at`,
  ]
  output.line(parts.filter((part) => part !== null).join(', '))
}

/** An account that could not be looked at may have what a rule is for: then nothing is said. */
function warnOfUnused(mapping: MappingRules, plans: readonly PlannedPair[], output: Output): void {
  if (plans.some(({ error }) => error !== null)) return
  const paths = plans.flatMap(({ mailboxes, excluded }) => [
    ...mailboxes.map(({ sourcePath }) => sourcePath),
    ...excluded,
  ])
  const idle = unusedRules(mapping, paths).map(({ key, text }) => `${key} ${text}`)
  if (idle.length > 0)
    output.warn(`no mailbox of these accounts fits ${idle.join(', ')}; between levels stands /, as above`)
}

function total(plans: readonly PlannedPair[], key: 'messages' | 'bytes'): number {
  return plans.reduce((sum, plan) => sum + plan[key], 0)
}
