import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { counted, formatCount } from '../../core/counted.ts'
import type { ListedAccount } from '../../core/directory.ts'
import { SealpostError } from '../../core/errors.ts'
import { writePrivateFile } from '../../files/durable.ts'
import { fileError } from '../../files/file-error.ts'
import type { Secret } from '../../../vault/secret.ts'
import type { ProjectConfig } from '../config/project-types.ts'
import { formatSize } from '../config/units.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { table } from '../terminal/table.ts'

interface ListOptions {
  readonly from: string
  readonly csv?: boolean
  readonly write?: boolean
  readonly toDomain?: string
  readonly all?: boolean
}

/** `mailboxes list`: asks a platform for its accounts. */
export function addMailboxes(program: Command, start: Start): void {
  const mailboxes = program.command('mailboxes').description('the accounts of a platform, and mailboxes.csv')
  mailboxes
    .command('list')
    .description('list the accounts of an end with kind and size, as rows of mailboxes.csv where wanted')
    .addOption(
      new Option('--from <end>', 'source, destination, or the platform of one of them').makeOptionMandatory(),
    )
    .option('--csv', 'print rows of mailboxes.csv')
    .option('--write', 'write them to mailboxes.csv, when that has no row yet')
    .option('--to-domain <domain>', 'with --csv and --write: the domain of the destinations')
    .option('--all', "accounts of the platform's own, too")
    .action((options: ListOptions) => start((context) => listAccounts(options, context)))
}

async function listAccounts(options: ListOptions, context: CommandContext): Promise<ExitCode> {
  const { openKeys } = await import('../project/open-project.ts')
  const { readProjectFiles } = await import('../project/files.ts')
  const { endToList } = await import('../project/open-directory.ts')
  const { mailboxRows, sorted } = await import('../config/mailbox-rows.ts')
  const { output, clock, stop } = context
  const toDomain = domainOf(options)
  const keyed = await openKeys(context)
  const secrets: Secret[] = []
  try {
    const { folder, credentials, audit } = keyed
    const { config } = await readProjectFiles(folder.path)
    const end = endToList(config, options.from)
    const rowsWanted = options.csv === true || options.write === true
    if (rowsWanted && end.side === 'destination') {
      throw new SealpostError('config', 'rows of mailboxes.csv are made from the accounts of the source', {
        hint: 'say --from source',
        code: 'USAGE',
      })
    }
    const path = options.write === true ? await listToFill(folder.path, config) : null
    const name = end.credential
    await audit.noteCredentials('credentials-used', [{ name, facts: { command: 'mailboxes.list' } }])
    const keep = (secret: Secret): void => void secrets.push(secret)
    const directory = await end.open({ folder: folder.path, credentials, clock, keep })
    const found: ListedAccount[] = []
    try {
      for await (const account of directory.listAccounts(stop)) found.push(account)
    } finally {
      await directory.close()
    }
    const accounts = sorted(options.all === true ? found : found.filter(({ kind }) => kind !== 'system'))
    const rows = mailboxRows(accounts, toDomain)
    if (path !== null) await writePrivateFile(path, Buffer.from(rows, 'utf8'))
    if (options.csv === true) output.text(rows)
    else show(accounts, found.length - accounts.length, context)
    if (path !== null) output.line(`written to ${config.mailboxes}`)
    output.document({ from: end.side, platform: end.platform, accounts, written: path !== null })
    return EXIT.complete
  } finally {
    for (const secret of secrets) secret.wipe()
    await keyed.close()
  }
}

function show(accounts: readonly ListedAccount[], leftOut: number, { output }: CommandContext): void {
  const rows = accounts.map(({ account, kind, bytes, suspended }) => [
    account,
    kind,
    bytes === null ? '?' : formatSize(bytes),
    suspended ? 'suspended' : '',
  ])
  for (const line of table(['account', 'kind', 'size', ''], rows)) output.line(line)
  const sum = accounts.reduce((total, { bytes }) => total + (bytes ?? 0), 0)
  const unknown = accounts.filter(({ bytes }) => bytes === null).length
  const parts = [
    counted(accounts.length, 'account'),
    formatSize(sum),
    unknown === 0 ? null : `${formatCount(unknown)} of unknown size`,
    leftOut === 0 ? null : `${formatCount(leftOut)} of the platform's own left out (--all shows them)`,
  ]
  output.line(parts.filter((part) => part !== null).join(', '))
}

/** The path of mailboxes.csv. Throws `config` when there are rows in it: they would be lost. */
async function listToFill(folder: string, config: ProjectConfig): Promise<string> {
  const { readPlainFile } = await import('../../files/plain-files.ts')
  let path = resolve(folder, config.mailboxes)
  let content: string
  try {
    path = await realpath(path)
    content = (await readPlainFile(path)).toString('utf8')
  } catch (error) {
    throw fileError(error, 'read', path)
  }
  if (content.trim().split(/\r\n|\r|\n/).length <= 1) return path
  throw new SealpostError('config', `${config.mailboxes} has rows already`, {
    hint: 'use --csv and put them together by hand',
    code: 'HAS_ROWS',
  })
}

function domainOf({ toDomain }: ListOptions): string | null {
  if (toDomain === undefined) return null
  const domain = toDomain.replace(/^@/, '').toLowerCase()
  if (/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(domain)) return domain
  throw new SealpostError('config', '--to-domain is no domain', { hint: 'such as example.com', code: 'USAGE' })
}
