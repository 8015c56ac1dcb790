import { InvalidArgumentError, Option, type Command } from 'commander'
import { counted, formatCount } from '../../core/counted.ts'
import type { Ledger } from '../../core/ledger.ts'
import type { Restored, RestoreChoice } from '../backup/restore-archive.ts'
import { formatDuration, parseInstant } from '../config/units.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, exitCodeOf, type ExitCode } from '../exit-codes.ts'
import { failureCode, isOpen, ledgerCode, messageCounts } from '../outcome.ts'
import { findingDocument, findingLine } from '../project/findings.ts'
import { errorDocument, failureText } from '../terminal/output.ts'

interface RestoreOptions {
  readonly identity: string
  readonly account?: readonly string[]
  readonly into?: string
  readonly only?: readonly string[]
  readonly after?: number
  readonly before?: number
  readonly message?: readonly string[]
  readonly incomplete?: boolean
}

const MAX_SHOWN = 50

/** `restore`: a migration whose source is a backup. */
export function addRestore(program: Command, start: Start): void {
  program
    .command('restore')
    .description('move mail out of a backup into the destination; again: go on where it stopped')
    .argument('<files...>', 'all files of the backup, from the first one on')
    .requiredOption('--identity <file>', 'file with the identity (AGE-SECRET-KEY-1…), which nobody else may read')
    .addOption(many('--account <name>', 'only this account of the backup; may be repeated'))
    .option('--into <account>', 'the destination account, where mailboxes.csv does not say it')
    .addOption(many('--only <mailbox>', 'only mailboxes that this glob matches; may be repeated'))
    .addOption(instant('--after <date>', 'only mail received at or after this'))
    .addOption(instant('--before <date>', 'only mail received before this'))
    .addOption(
      many('--message <name>', 'only this message: its path in the backup, number or SHA-256; may be repeated'),
    )
    .option('--incomplete', 'also take a backup whose last file was never written')
    .action((files: readonly string[], options: RestoreOptions) =>
      start((context) => restore(files, options, context)),
    )
}

async function restore(
  files: readonly string[],
  options: RestoreOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { noteCredentialUse, openProject } = await import('../project/open-project.ts')
  const { openArchive } = await import('../../../connectors/archive/open-archive.ts')
  const { createRecipientOpener } = await import('../../../vault/age.ts')
  const { readIdentity } = await import('../backup/read-identity.ts')
  const { openRestoreLedger, restoreArchive, restorePairs } = await import('../backup/restore-archive.ts')
  const { showProgress } = await import('../terminal/progress.ts')
  const { output, clock } = context
  const choice: RestoreChoice = {
    accounts: options.account ?? [],
    into: options.into ?? null,
    mailboxes: options.only ?? [],
    after: options.after ?? null,
    before: options.before ?? null,
    messages: options.message ?? [],
  }
  const identity = await readIdentity(options.identity)
  try {
    const project = await openProject(context, ['destination'])
    try {
      output.line('Reading the whole backup first, so that nothing is half restored.')
      const incomplete = options.incomplete === true
      const archive = await openArchive(files, createRecipientOpener(identity), { incomplete }, context.stop)
      try {
        const [first] = archive.problems
        if (first !== undefined) {
          for (const { file, error } of archive.problems)
            output.warn(`${file ?? 'the backup'}: ${failureText(error)}`)
          output.line(output.paint('red', 'Nothing was restored.'))
          output.event({
            event: 'restore-refused',
            problems: archive.problems.map(({ file, error }) => ({ file, error: errorDocument(error) })),
          })
          return exitCodeOf(first.error)
        }
        const chosen = restorePairs(archive, choice, project.accounts)
        const rows = project.accounts.filter(({ destination }) =>
          chosen.some((one) => one.destination === destination),
        )
        const ledger = await openRestoreLedger(project, archive, choice)
        try {
          const pairs = chosen.map(({ account, destination }) => ledger.openPair(account, destination))
          await project.audit.note('run-started', { facts: { command: 'restore', accounts: pairs.length } })
          await noteCredentialUse(project, rows, 'restore', ['destination'])
          const before = ledger.totals({}).landed
          const progress = showProgress(output, clock, pairs, ledger)
          const restored = await restoreArchive(project, archive, ledger, pairs, choice, context, progress)
          const code = report(restored, before, ledger, context)
          const { landed, landedBytes } = ledger.totals({})
          await project.audit.note('run-finished', {
            facts: { accounts: pairs.length, messages: landed, bytes: landedBytes },
          })
          project.freeze.assertNotStopped()
          return code
        } finally {
          ledger.close()
        }
      } finally {
        await archive.close()
      }
    } finally {
      await project.close()
    }
  } finally {
    identity.wipe()
  }
}

/** `before` is what earlier passes of the same restore had landed: there before, for whoever reads of this one. */
function report(
  { outcome, verified }: Restored,
  before: number,
  ledger: Ledger,
  { output }: CommandContext,
): ExitCode {
  const { totals, seconds } = outcome
  const failures = [...outcome.pairs, ...(verified?.failures ?? [])].flatMap(({ pair, error }) =>
    error === null ? [] : [{ pair, error }],
  )
  for (const { pair, error } of failures) output.warn(`${pair.destination}: ${failureText(error)}`)
  const findings = verified?.findings ?? []
  for (const finding of findings.slice(0, MAX_SHOWN)) output.line(findingLine(finding, ledger))
  const open = findings.filter(isOpen).length
  output.line(
    `${counted(totals.landed - before, 'message')} restored, ${counted(totals.existing + before, 'was', 'were')} there before (${formatDuration(seconds * 1000)})`,
  )
  if (verified !== null) {
    output.line(`${formatCount(verified.checked)} read again at the destination: ${counted(open, 'open finding')}`)
  }
  const pairs = outcome.pairs.map(({ pair }) => pair)
  const code = outcome.cancelled
    ? EXIT.interrupted
    : (failureCode(failures.map(({ error }) => error)) ?? ledgerCode(ledger, pairs))
  const next = code === EXIT.complete ? 'Restored and verified.' : 'Not complete; the same command goes on.'
  output.line(output.paint(code === EXIT.complete ? 'green' : 'yellow', next))
  output.event({
    event: 'restore-finished',
    messages: messageCounts(totals),
    checked: verified?.checked ?? 0,
    findings: findings.map((finding) => findingDocument(finding, ledger)),
    interrupted: outcome.cancelled,
    failures: failures.map(({ pair, error }) => ({ account: pair.source, error: errorDocument(error) })),
  })
  return code
}

function many(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string, before: readonly string[] | undefined) => [
    ...(before ?? []),
    text,
  ])
}

function instant(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string) => {
    const at = parseInstant(text)
    if (at === null)
      throw new InvalidArgumentError('it must be a date (2024-01-31) or an instant (2024-01-31T12:00:00Z)')
    return at
  })
}
