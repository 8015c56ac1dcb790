import { basename } from 'node:path'
import type { Command } from 'commander'
import { formatInstant } from '../../core/clock.ts'
import { counted } from '../../core/counted.ts'
import type { SealpostError } from '../../core/errors.ts'
import { formatSize } from '../config/units.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, exitCodeOf, type ExitCode } from '../exit-codes.ts'
import { errorDocument, failureText } from '../terminal/output.ts'

interface VerifyOptions {
  readonly identity: string
  readonly incomplete?: boolean
}

/** `backup verify`: the client's side; needs no project and no passphrase. */
export function addBackupVerify(group: Command, start: Start): void {
  group
    .command('verify')
    .description('read a whole backup with the identity that opens it: every tag, every digest; needs no project')
    .argument('<files...>', 'all files of the backup, from the first one on')
    .requiredOption('--identity <file>', 'file with the identity (AGE-SECRET-KEY-1…), which nobody else may read')
    .option('--incomplete', 'also take a backup whose last file was never written')
    .action((files: readonly string[], options: VerifyOptions) =>
      start((context) => verify(files, options, context)),
    )
}

/** `backup check`: the operator's side, who cannot open it. */
export function addBackupCheck(group: Command, start: Start): void {
  group
    .command('check')
    .description('compare files with what was written down when they were made: structure, size, digest')
    .argument('<files...>', 'files of backups of this project')
    .action((files: readonly string[]) => start((context) => check(files, context)))
}

async function verify(
  files: readonly string[],
  options: VerifyOptions,
  { output, stop }: CommandContext,
): Promise<ExitCode> {
  const { openArchive } = await import('../../../connectors/archive/open-archive.ts')
  const { createRecipientOpener } = await import('../../../vault/age.ts')
  const { readIdentity } = await import('../backup/read-identity.ts')
  const identity = await readIdentity(options.identity)
  try {
    const archive = await openArchive(
      files,
      createRecipientOpener(identity),
      { incomplete: options.incomplete === true },
      stop,
    )
    try {
      const { volumes, problems, index } = archive
      for (const { path, header, end, bytes } of volumes) {
        output.line(
          `${basename(path)}  backup ${header.sequence}, volume ${header.volume}: ${counted(end.messages, 'message')}, ${formatSize(bytes)}`,
        )
      }
      for (const { file, error } of problems) output.warn(`${file ?? 'the backup'}: ${failureText(error)}`)
      const accounts = [...index.accounts].map(([account, { messages, messageBytes, mailboxes }]) => ({
        account,
        mailboxes: mailboxes.size,
        messages,
        bytes: messageBytes,
      }))
      const messages = accounts.reduce((sum, account) => sum + account.messages, 0)
      const first = problems[0]
      output.line(
        first === undefined
          ? output.paint('green', `${counted(messages, 'message')} read, every one as it was written`)
          : output.paint('red', `${counted(problems.length, 'thing is', 'things are')} wrong`),
      )
      output.document({
        good: problems.length === 0,
        messages,
        accounts,
        volumes: volumes.map(({ path, header, end, bytes, plainSha256 }) => ({
          file: path,
          backup: header.sequence,
          volume: header.volume,
          last: end.last,
          messages: end.messages,
          bytes,
          plainSha256,
        })),
        problems: problems.map(({ file, error }) => ({ file, error: errorDocument(error) })),
      })
      return first === undefined ? EXIT.complete : exitCodeOf(first.error)
    } finally {
      await archive.close()
    }
  } finally {
    identity.wipe()
  }
}

async function check(files: readonly string[], context: CommandContext): Promise<ExitCode> {
  const { withBackups } = await import('../backup/project-backups.ts')
  const { checkFile } = await import('../backup/check-file.ts')
  return withBackups(context, async ({ find, audit }) => {
    const { output } = context
    const results: { readonly file: string; readonly written: string; readonly error: SealpostError | null }[] = []
    for (const file of files) {
      const { volume } = find(file)
      const error = await checkFile(file, volume, context.stop)
      results.push({ file, written: formatInstant(volume.writtenAt), error })
      if (error !== null) output.warn(`${basename(file)}: ${failureText(error)}`)
      else output.line(`${basename(file)}  as it was written and read back at ${formatInstant(volume.writtenAt)}`)
    }
    const bad = results.flatMap(({ error }) => (error === null ? [] : [error]))
    await audit.note('backup-verified', {
      outcome: bad.length === 0 ? 'done' : 'failed',
      facts: { files: files.length, bad: bad.length },
    })
    output.document({
      good: bad.length === 0,
      files: results.map(({ file, written, error }) => ({
        file,
        written,
        error: error === null ? null : errorDocument(error),
      })),
    })
    const [first] = bad
    return first === undefined ? EXIT.complete : exitCodeOf(first)
  })
}
