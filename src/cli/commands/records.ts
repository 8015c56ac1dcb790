import type { Command } from 'commander'
import { formatInstant } from '../../core/clock.ts'
import { counted } from '../../core/counted.ts'
import type { DueItem } from '../../records/sweep.ts'
import { formatOf, formatOption, type RawExport } from '../books/export-file.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { outOption, reasonOption, repeatedOption } from '../options.ts'
import { table } from '../terminal/table.ts'
import { addSubject } from './records-subject.ts'

interface BackupOptions {
  readonly recipient: readonly string[]
  readonly out: string
}

/** `records`: what is kept of projects that were signed off. */
export function addRecords(program: Command, start: Start): void {
  const group = program
    .command('records')
    .description('what is kept of projects after their sign-off, and for how long')
  group
    .command('list')
    .description('projects that were signed off')
    .action(() => start(list))
  group
    .command('show')
    .description('the record of one project')
    .argument('<project>', 'its id, or how that begins')
    .action((project: string) => start((context) => show(project, context)))
  group
    .command('export')
    .description('hand out records as JSON, CSV or XLSX')
    .argument('[project...]', 'ids (default: all)')
    .addOption(formatOption())
    .addOption(outOption('where to write it (default: the screen, as JSON)'))
    .action((projects: readonly string[], options: RawExport) =>
      start((context) => exportRecords(projects, options, context)),
    )
  addSubject(group, start)
  group
    .command('unrestrict')
    .description('lift the restriction of one record')
    .argument('<project>', 'its id, or how that begins')
    .addOption(reasonOption('why').makeOptionMandatory())
    .action((project: string, options: { readonly reason: string }) =>
      start((context) => unrestrict(project, options.reason, context)),
    )
  group
    .command('sweep')
    .description('purge what has been kept for its period')
    .option('--dry-run', 'only say what would go and what stays')
    .action((options: { readonly dryRun?: boolean }) =>
      start((context) => sweep(options.dryRun === true, context)),
    )
  group
    .command('retention')
    .description('the table of periods that is in force')
    .action(() => start(retention))
  group
    .command('backup')
    .description('write records, certificates and audit log as one age file; no key is in it')
    .addOption(
      repeatedOption('--recipient <key>', 'age key that can open it; may be repeated').makeOptionMandatory(),
    )
    .addOption(outOption('where to write it').makeOptionMandatory())
    .action((options: BackupOptions) => start((context) => backup(options, context)))
}

async function list(context: CommandContext): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  const { recordDocument } = await import('../books/record-show.ts')
  const { output, stop } = context
  return atDesk(context, { project: null }, (books) =>
    books.withRecords((records) => {
      const all = records.list()
      const rows = all.map(({ project, client, signedOffAt, kept, restriction, holds }) => [
        project,
        client,
        formatInstant(signedOffAt),
        kept.lastDay,
        [restriction === null ? '' : 'restricted', holds.length === 0 ? '' : `hold ${holds.join(', ')}`]
          .filter(Boolean)
          .join('; '),
      ])
      if (rows.length === 0) output.line('No project was signed off in this workspace.')
      else for (const line of table(['project', 'client', 'signed off', 'kept until', ''], rows)) output.line(line)
      output.document({ records: all.map(recordDocument) })
      return EXIT.complete
    }, stop),
  )
}

async function show(named: string, context: CommandContext): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  const { knownProject } = await import('../books/name-project.ts')
  const { recordDocument, recordLines } = await import('../books/record-show.ts')
  const { output, stop, home } = context
  return atDesk(context, { project: named }, (books) =>
    books.withRecords((records) => {
      const record = records.show(knownProject(named, records, home))
      for (const line of recordLines(record)) output.line(line)
      output.document({ record: recordDocument(record) })
      return EXIT.complete
    }, stop),
  )
}

async function exportRecords(
  named: readonly string[],
  options: RawExport,
  context: CommandContext,
): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  const { writeExport } = await import('../books/export-file.ts')
  const { knownProject } = await import('../books/name-project.ts')
  const { recordDocument, recordTables } = await import('../books/record-show.ts')
  const { output, stop, home, clock } = context
  const format = formatOf(options)
  return atDesk(context, { project: null }, async (books) => {
    const records = await books.withRecords((all) => {
      const ids = named.length === 0 ? null : named.map((text) => knownProject(text, all, home))
      return all.exportRecords(books.actor, ids, stop)
    }, stop)
    const checkpoint = await books.log.checkpoint(books.signer, stop)
    const document = { exportedAt: formatInstant(clock.now()), records: records.map(recordDocument), checkpoint }
    if (options.out === undefined) {
      if (output.json) output.document(document)
      else output.text(`${JSON.stringify(document, null, 2)}\n`)
      return EXIT.complete
    }
    const files = await writeExport(options.out, format, document, recordTables(records))
    output.line(`Wrote ${counted(records.length, 'record')} to ${files.join(' and ')}`)
    output.document({ records: records.length, format, files })
    return EXIT.complete
  })
}

async function unrestrict(named: string, reason: string, context: CommandContext): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  const { knownProject } = await import('../books/name-project.ts')
  const { output, stop, home } = context
  return atDesk(context, { project: named }, (books) =>
    books.withRecords(async (records) => {
      const project = knownProject(named, records, home)
      await records.liftRestriction(books.actor, project, reason, stop)
      output.line(`The record of ${project} is restricted no longer`)
      output.document({ unrestricted: project })
      return EXIT.complete
    }, stop),
  )
}

async function sweep(dryRun: boolean, context: CommandContext): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  const { output, stop, clock } = context
  return atDesk(context, { project: null }, (books) =>
    books.withRecords(async (records) => {
      if (dryRun) {
        const due = records.due()
        for (const item of due) output.line(dueLine(item, item.blockedBy === null ? 'would go' : 'stays'))
        if (due.length === 0) output.line('Nothing has been kept for its whole period yet.')
        output.document({ dryRun: true, at: formatInstant(clock.now()), due })
        return EXIT.complete
      }
      const { at, purged, kept, logEntries, method } = await records.sweep(books.actor, stop)
      for (const item of purged) output.line(dueLine(item, 'purged'))
      for (const item of kept) output.line(dueLine(item, 'stays'))
      if (purged.length + kept.length === 0) output.line('Nothing has been kept for its whole period yet.')
      else output.line(`${logEntries} entries of the audit log lost their content. ${method}`)
      output.document({ dryRun: false, at: formatInstant(at), purged, kept, logEntries, method })
      return EXIT.complete
    }, stop),
  )
}

function dueLine({ kind, id, lastDay, because }: DueItem, state: string): string {
  return `  ${state.padEnd(8)} ${kind} of ${id}, kept until ${lastDay}${because === null ? '' : `: ${because}`}`
}

async function retention(context: CommandContext): Promise<ExitCode> {
  const { formatKeep, readWorkspaceConfig, workspaceConfigPath } = await import('../config/workspace-config.ts')
  const { output, home } = context
  const { retention: policy } = await readWorkspaceConfig(home)
  const rows = Object.entries(policy).map(([name, { keep, legalBasis }]) => [
    name,
    formatKeep(keep),
    legalBasis ?? '',
  ])
  for (const line of table(['class', 'kept', 'legal basis'], rows)) output.line(line)
  output.line(`Changed in ${workspaceConfigPath(home)}; records that exist keep the date that they were given.`)
  output.document({
    retention: Object.fromEntries(
      Object.entries(policy).map(([name, { keep, legalBasis }]) => [name, { keep: formatKeep(keep), legalBasis }]),
    ),
  })
  return EXIT.complete
}

async function backup({ recipient, out }: BackupOptions, context: CommandContext): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  const { backUpRecords } = await import('../books/back-up-records.ts')
  const { createRecipientSealer } = await import('../../../vault/age.ts')
  const { output } = context
  // A slip in a key is told before a passphrase is asked for.
  createRecipientSealer(recipient)
  return atDesk(context, { project: null }, async (books) => {
    const { bytes, sha256 } = await backUpRecords(books, recipient, out, context)
    output.line(`Wrote ${out}`)
    output.line(`  SHA-256     ${sha256}`)
    output.line(`  recipients  ${recipient.join(', ')}`)
    output.line('Opened with: age -d -i KEYFILE FILE | tar -x')
    output.document({ file: out, bytes, sha256, recipients: recipient })
    return EXIT.complete
  })
}
