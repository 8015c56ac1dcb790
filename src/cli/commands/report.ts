import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { counted, formatCount } from '../../core/counted.ts'
import { formatInstant } from '../../core/clock.ts'
import { writePrivateFile } from '../../files/durable.ts'
import { ensurePrivateFolder } from '../../files/private-files.ts'
import { LANGUAGES, type Language } from '../../report/intake-words.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { readPageScript } from '../page-script.ts'
import { readVersion } from '../version.ts'

interface ReportOptions {
  readonly out?: string
  readonly language: Language
}

/** `report`: what the client is told of the work, as a page, as tables and as JSON. */
export function addReport(program: Command, start: Start): void {
  program
    .command('report')
    .description('write the report for the client: HTML, CSV and JSON; makes no connection')
    .addOption(new Option('--out <dir>', 'into this folder (default: reports/ of the project)'))
    .addOption(new Option('--language <code>', 'language of the page').choices(LANGUAGES).default('en'))
    .action((options: ReportOptions) => start((context) => writeReport(options, context)))
}

async function writeReport(options: ReportOptions, context: CommandContext): Promise<ExitCode> {
  const { knownPairs, openReadable } = await import('../project/open-project.ts')
  const { buildReport } = await import('../report/build-report.ts')
  const { readPasses } = await import('../report/passes.ts')
  const { completionHtml } = await import('../../report/completion-html.ts')
  const { exceptionTable, mailboxTable } = await import('../../report/completion-report.ts')
  const { tableToCsv } = await import('../../report/data-table.ts')
  const { output, clock, stop } = context
  const script = await readPageScript('src/report/browser/look-up.js')
  const project = await openReadable(context)
  try {
    const { folder, config, ledger, books, audit } = project
    const { id } = folder.record
    const at = formatInstant(clock.now())
    await audit.note('document-issued', { facts: { kind: 'report' } })
    const { report, index } = buildReport(
      {
        client: config.client,
        project: id,
        written: at,
        tool: `sealpost ${readVersion()}`,
        ...(await readPasses(books.log, id, stop)),
        checkpoint: await audit.checkpoint(),
      },
      knownPairs(project, project.accounts),
      ledger,
    )
    const target = options.out === undefined ? join(folder.path, 'reports') : resolve(options.out)
    await ensurePrivateFolder(target)
    const files: { readonly file: string; readonly sha256: string }[] = []
    for (const [name, text] of [
      ['report.html', completionHtml(report, options.language, index, script)],
      ['report.json', `${JSON.stringify(report, null, 1)}\n`],
      ['report-mailboxes.csv', tableToCsv(mailboxTable(report))],
      ['report-exceptions.csv', tableToCsv(exceptionTable(report))],
    ] as const) {
      const bytes = Buffer.from(text, 'utf8')
      const file = join(target, name)
      await writePrivateFile(file, bytes)
      files.push({ file, sha256: createHash('sha256').update(bytes).digest('hex') })
    }
    const { counts } = report
    for (const { file, sha256 } of files) output.line(`Wrote ${file}  SHA-256 ${sha256}`)
    if (!report.complete) output.warn('the work is not over; the report says so')
    output.line(
      `${counted(report.accounts.length, 'account')}, ${formatCount(counts.landed + counts.existing)} of ${counted(counts.source, 'message')} delivered, ${counted(report.exceptions.length, 'exception')}`,
    )
    output.document({ files, complete: report.complete, counts, merkleRoot: report.merkle.root })
    return EXIT.complete
  } finally {
    await project.close()
  }
}
