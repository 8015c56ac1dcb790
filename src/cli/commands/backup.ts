import { basename } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { BackupForm } from '../../core/backups.ts'
import { counted } from '../../core/counted.ts'
import { SealpostError } from '../../core/errors.ts'
import type { BackupEnd } from '../../ledger/backup-book.ts'
import type { MadeBackup } from '../backup/make-backup.ts'
import { volumeDocument, volumeId } from '../backup/volume-words.ts'
import { formatDuration, formatSize, parseSize } from '../config/units.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { accountOption, waveOption } from '../options.ts'
import { failureCode, growth, ledgerCode, messageCounts } from '../outcome.ts'
import { chooseAccounts } from '../project/choose-accounts.ts'
import { errorDocument, failureText } from '../terminal/output.ts'
import { addBackupCheck, addBackupVerify } from './backup-verify.ts'
import { addBackupDiscard, addBackupHandover } from './backup-handover.ts'

interface BackupOptions {
  readonly mailbox?: readonly string[]
  readonly wave?: readonly string[]
  readonly from: BackupEnd
  readonly per: 'account' | 'project'
  readonly to?: string
  readonly recipient?: readonly string[]
  readonly volumeSize: number
  readonly format?: BackupForm
  readonly full?: boolean
}

/** Below the limit of the file systems that sticks for carrying files have. */
const DEFAULT_VOLUME_BYTES = 2 * 1024 ** 3
const LEAST_VOLUME_BYTES = 1024 ** 2

/** `backup`: the client's own copy, sealed to the client's own keys, and what becomes of it. */
export function addBackup(program: Command, start: Start): void {
  const group = program
    .command('backup')
    .description('write an encrypted backup that only the client can open; again: go on, then what is new')
    .addOption(accountOption())
    .addOption(waveOption())
    .addOption(
      new Option('--from <end>', 'which end to read').choices(['source', 'destination']).default('source'),
    )
    .addOption(
      new Option('--per <what>', 'a file an account, or one for all')
        .choices(['account', 'project'])
        .default('account'),
    )
    .addOption(
      new Option(
        '--format <form>',
        'a file for each message, or mbox files (default: as the last time, else eml)',
      ).choices(['eml', 'mbox']),
    )
    .option('--to <dir>', 'where to write it (default: backups/ in the project)')
    .addOption(
      new Option(
        '--recipient <key>',
        'public key of the client: age1…, or an SSH public key; may be repeated (default: as the last time)',
      ).argParser((text: string, before: readonly string[] | undefined) => [...(before ?? []), text]),
    )
    .addOption(
      new Option('--volume-size <size>', 'no file is larger than this, but for a single message that is')
        .argParser(readVolumeSize)
        .default(DEFAULT_VOLUME_BYTES, '2GiB'),
    )
    .option('--full', 'begin anew instead of going on from the last backup')
    .action((options: BackupOptions) => start((context) => backup(options, context)))
  addBackupVerify(group, start)
  addBackupCheck(group, start)
  addBackupHandover(group, start)
  addBackupDiscard(group, start)
}

async function backup(options: BackupOptions, context: CommandContext): Promise<ExitCode> {
  const { noteCredentialUse, openProject } = await import('../project/open-project.ts')
  const { openSeries } = await import('../backup/series.ts')
  const { makeBackup } = await import('../backup/make-backup.ts')
  const { showProgress } = await import('../terminal/progress.ts')
  const { from, per } = options
  if (per === 'project' && options.mailbox !== undefined) {
    throw new SealpostError('config', '--mailbox and --per project: one file for all holds all accounts', {
      code: 'USAGE',
    })
  }
  const recipients = options.recipient ?? null
  const project = await openProject(context, [from])
  try {
    const chosen = chooseAccounts(project.accounts, options)
    const wanted = { from, per, recipients, form: options.format ?? null, full: options.full === true }
    const series = await openSeries(project.folder.state, project.keys.ledgerKey, wanted)
    try {
      await noteCredentialUse(project, chosen, 'backup', [from])
      const request = {
        from,
        per,
        accounts: chosen.map((account) => account[from]),
        to: options.to ?? null,
        recipients,
        volumeBytes: options.volumeSize,
      }
      const { output, clock } = context
      const made = await makeBackup(project, series, request, context, (pairs) =>
        showProgress(output, clock, pairs, series.ledger),
      )
      const code = report(made, series.ledger, context)
      await project.audit.noteAll(
        'backup',
        made.volumes.map((volume) => ({
          object: volumeId(volume),
          facts: { messages: volume.messages, bytes: volume.bytes },
        })),
      )
      project.freeze.assertNotStopped()
      return code
    } finally {
      series.ledger.close()
    }
  } finally {
    await project.close()
  }
}

function report(made: MadeBackup, ledger: Parameters<typeof ledgerCode>[0], { output }: CommandContext): ExitCode {
  const { outcome, pairs, before, after, volumes } = made
  const failures = outcome.pairs.flatMap(({ pair, error }) => (error === null ? [] : [{ pair, error }]))
  for (const { pair, error } of failures) output.warn(`${pair.source}: ${failureText(error)}`)
  const landed = after.landed - before.landed
  output.line(
    `${counted(landed, 'message')} backed up (${formatSize(after.landedBytes - before.landedBytes)}, ${formatDuration(outcome.seconds * 1000)})`,
  )
  for (const { path, bytes, sha256, messages } of volumes) {
    output.line(`  ${basename(path)}  ${counted(messages, 'message')}, ${formatSize(bytes)}`)
    output.line(`    SHA-256 ${sha256}`)
  }
  const code = outcome.cancelled
    ? EXIT.interrupted
    : (failureCode(failures.map(({ error }) => error)) ?? ledgerCode(ledger, pairs))
  output.line(output.paint(code === EXIT.complete ? 'green' : 'yellow', nextStep(code, volumes.length)))
  output.event({
    event: 'backup-finished',
    messages: messageCounts(after),
    thisRun: growth(before, after),
    volumes: volumes.map(volumeDocument),
    seconds: Math.round(outcome.seconds * 1000) / 1000,
    interrupted: outcome.cancelled,
    failures: failures.map(({ pair, error }) => ({ account: pair.source, error: errorDocument(error) })),
  })
  return code
}

function nextStep(code: ExitCode, written: number): string {
  if (code === EXIT.interrupted) return 'Interrupted. Go on with: sealpost backup'
  if (code === EXIT.exceptions) return 'Written, but for the messages that could not be read.'
  if (code !== EXIT.complete) return 'Not all could be backed up. Go on with: sealpost backup'
  return written === 0
    ? 'Nothing is new since the last backup.'
    : 'Read back and compared. Give it to the client: sealpost backup handover FILE --to WHOM'
}

function readVolumeSize(text: string): number {
  const bytes = parseSize(text)
  if (bytes === null) throw new InvalidArgumentError('it must be a size such as 2GiB')
  if (bytes < LEAST_VOLUME_BYTES) throw new InvalidArgumentError('a volume has 1MiB at least')
  return bytes
}
