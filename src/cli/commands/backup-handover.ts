import { basename, join } from 'node:path'
import { Option, type Command } from 'commander'
import { formatInstant } from '../../core/clock.ts'
import { SealpostError } from '../../core/errors.ts'
import { writePrivateFile } from '../../files/durable.ts'
import { ensurePrivateFolder } from '../../files/private-files.ts'
import { handoverSheetHtml } from '../../report/handover-sheet.ts'
import { LANGUAGES, type Language } from '../../report/intake-words.ts'
import type { FoundVolume, ProjectBackups } from '../backup/project-backups.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { volumeDocument, volumeId } from '../backup/volume-words.ts'

interface HandoverOptions {
  readonly to?: string
  readonly how?: string
  readonly language: Language
  readonly confirm?: readonly string[]
  readonly receipt?: string
  readonly receiptKey?: string
}

/** Where a file was moved from: nothing was deleted, and the certificate will say that no copy is kept. */
const NOT_THERE = 'our copy was not where it was written any more: see that nobody keeps it elsewhere'

/** `backup handover`: in two steps; our copy goes when the client has confirmed. */
export function addBackupHandover(group: Command, start: Start): void {
  group
    .command('handover')
    .description(
      'hand files over: first --to WHOM writes the sheet, then the client’s confirmation deletes our copy',
    )
    .argument('<files...>', 'files of backups of this project')
    .option('--to <whom>', 'who gets them')
    .option('--how <text>', 'by which way, such as "disk by courier"')
    .addOption(new Option('--language <code>', 'language of the sheet').choices(LANGUAGES).default('en'))
    .addOption(
      new Option(
        '--confirm <sha256>',
        'the SHA-256 that the client has computed and told; one for each file',
      ).argParser((text: string, before: readonly string[] | undefined) => [...(before ?? []), text]),
    )
    .option('--receipt <file>', 'a receipt that the client has signed, with its signature in FILE.sig')
    .option('--receipt-key <key>', 'the client’s ssh-ed25519 public key that signed it')
    .action((files: readonly string[], options: HandoverOptions) =>
      // `backup` has a `--to` of its own, and takes what stands here for that.
      start((context) => handover(files, { ...options, ...group.opts<Pick<HandoverOptions, 'to'>>() }, context)),
    )
}

/** `backup discard`: a backup that nobody is to have. */
export function addBackupDiscard(group: Command, start: Start): void {
  group
    .command('discard')
    .description('delete our copy of a backup that is not to be handed over')
    .argument('<files...>', 'files of backups of this project')
    .requiredOption('--reason <text>', 'why; it goes to the audit log')
    .action((files: readonly string[], options: { readonly reason: string }) =>
      start((context) => discard(files, options.reason, context)),
    )
}

/** What follows the first checksum behind `--confirm` is taken for a file by the parser; no backup has such a name. */
function splitChecksums(words: readonly string[], options: HandoverOptions): [readonly string[], HandoverOptions] {
  if (options.confirm === undefined) return [words, options]
  const isChecksum = (word: string): boolean => /^[0-9a-f]{64}$/i.test(word)
  const files = words.filter((word) => !isChecksum(word))
  return [files, { ...options, confirm: [...options.confirm, ...words.filter(isChecksum)] }]
}

async function handover(
  words: readonly string[],
  given: HandoverOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { withBackups } = await import('../backup/project-backups.ts')
  const [files, options] = splitChecksums(words, given)
  const ways = [options.to, options.confirm, options.receipt].filter((way) => way !== undefined)
  if (ways.length !== 1) {
    throw new SealpostError('config', 'give --to WHOM, or --confirm SHA256, or --receipt FILE --receipt-key KEY', {
      code: 'USAGE',
    })
  }
  if (files.length === 0) throw new SealpostError('config', 'name the files that are confirmed', { code: 'USAGE' })
  return withBackups(context, async (backups) => {
    const found = files.map((file) => backups.find(file))
    const gone = found.find(({ volume }) => volume.removed)
    if (gone !== undefined) {
      throw new SealpostError('config', `${basename(gone.volume.path)}: our copy is gone already`)
    }
    return options.to === undefined
      ? confirm(backups, found, options, context)
      : handOver(backups, found, options.to, options, context)
  })
}

async function handOver(
  backups: ProjectBackups,
  found: readonly FoundVolume[],
  to: string,
  options: HandoverOptions,
  { output, clock, home, stop }: CommandContext,
): Promise<ExitCode> {
  const { checkFile } = await import('../backup/check-file.ts')
  const { RECEIPT_NAMESPACE } = await import('../backup/confirm.ts')
  for (const { volume } of found) {
    const error = await checkFile(volume.path, volume, stop)
    if (error !== null) {
      throw new SealpostError('corrupt', `${basename(volume.path)}: ${error.message}`, {
        hint: 'nothing was handed over',
      })
    }
  }
  const at = clock.now()
  const how = options.how ?? null
  await backups.audit.noteAll(
    'handover',
    found.map(({ volume }) => ({
      object: volumeId(volume),
      facts: { messages: volume.messages, bytes: volume.bytes },
      personal: { recipient: to },
    })),
  )
  for (const { volume, records } of found) records.setHandover(volume.set.id, volume.number, { to, how, at })
  const { certificateFingerprint } = await import('../../../vault/operator.ts')
  const { folder, operator, audit } = backups
  const html = handoverSheetHtml({
    client: folder.record.client,
    projectId: folder.record.id,
    to,
    how,
    date: formatInstant(at),
    language: options.language,
    files: found.map(({ volume, records }) => ({
      name: basename(volume.path),
      bytes: volume.bytes,
      messages: volume.messages,
      sha256: volume.sha256,
      recipients: volume.set.recipients,
      form: records.series?.form ?? 'eml',
    })),
    receiptNamespace: RECEIPT_NAMESPACE,
    certificateFingerprint: await certificateFingerprint(home, operator),
    checkpoint: await audit.checkpoint(),
  })
  const reports = join(folder.path, 'reports')
  await ensurePrivateFolder(reports)
  const sheet = join(reports, `handover-${formatInstant(at).replaceAll(':', '')}.html`)
  await writePrivateFile(sheet, Buffer.from(html, 'utf8'))
  for (const { volume } of found) output.line(`  ${basename(volume.path)}  SHA-256 ${volume.sha256}`)
  output.line(`Wrote ${sheet}`)
  output.line('Give the client the files and the sheet. When the client has told the SHA-256 of each file:')
  output.line('  sealpost backup handover FILE… --confirm SHA256')
  output.document({
    sheet,
    to,
    how,
    date: formatInstant(at),
    files: found.map(({ volume }) => volumeDocument(volume)),
  })
  return EXIT.complete
}

async function confirm(
  backups: ProjectBackups,
  found: readonly FoundVolume[],
  options: HandoverOptions,
  { output, clock }: CommandContext,
): Promise<ExitCode> {
  const { confirmByChecksums, confirmByReceipt } = await import('../backup/confirm.ts')
  const { removeCopy } = await import('../backup/remove-copy.ts')
  const volumes = found.map(({ volume }) => volume)
  const never = volumes.find((volume) => volume.handover === null)
  if (never !== undefined) {
    throw new SealpostError('policy', `${basename(never.path)} was never handed over`, {
      hint: 'sealpost backup handover FILE --to WHOM comes first',
      code: 'NOT_HANDED_OVER',
    })
  }
  const at = clock.now()
  let key: string | null = null
  if (options.receipt === undefined) confirmByChecksums(volumes, options.confirm ?? [])
  else {
    if (options.receiptKey === undefined) {
      throw new SealpostError('config', '--receipt needs --receipt-key: whose signature is it to be?')
    }
    key = (await confirmByReceipt(volumes, options.receipt, options.receiptKey)).key
  }
  const by = options.receipt === undefined ? 'checksum' : 'receipt'
  await backups.audit.noteAll(
    'handover',
    volumes.map((volume) => ({
      object: volumeId(volume),
      facts: { messages: volume.messages, bytes: volume.bytes, confirmed: true },
      personal: key === null ? {} : { key },
    })),
  )
  for (const { volume, records } of found) records.setConfirmed(volume.set.id, volume.number, { by, key, at })
  for (const each of found) {
    const wasThere = await removeCopy(each)
    output.line(`  ${basename(each.volume.path)}  confirmed; ${wasThere ? 'our copy is deleted' : NOT_THERE}`)
  }
  output.document({ confirmed: true, by, key, files: volumes.map(({ path }) => path) })
  return EXIT.complete
}

async function discard(files: readonly string[], reason: string, context: CommandContext): Promise<ExitCode> {
  const { withBackups } = await import('../backup/project-backups.ts')
  const { removeCopy } = await import('../backup/remove-copy.ts')
  return withBackups(context, async ({ find, audit }) => {
    const found = files.map((file) => find(file))
    await audit.noteAll(
      'handover',
      found.map(({ volume }) => ({
        object: volumeId(volume),
        facts: { messages: volume.messages, bytes: volume.bytes, discarded: true },
        personal: { reason },
      })),
    )
    for (const each of found) {
      const wasThere = await removeCopy(each)
      context.output.line(`  ${basename(each.volume.path)}  ${wasThere ? 'deleted' : NOT_THERE}`)
    }
    context.output.document({ discarded: found.map(({ volume }) => volume.path) })
    return EXIT.complete
  })
}
