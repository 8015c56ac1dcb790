import { Option, type Command } from 'commander'
import { formatInstant } from '../../core/clock.ts'
import { writePrivateFile } from '../../files/durable.ts'
import { collectExposure, type Exposure } from '../../records/incident-collect.ts'
import type { Notice } from '../../records/incident-notice.ts'
import type { Incident, Recipient } from '../../records/incident-types.ts'
import { noticeHtml } from '../../report/notice-html.ts'
import type { WorkspaceBooks } from '../books/open-books.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { momentOption, outOption } from '../options.ts'

interface ReportOptions {
  readonly to: Recipient
  readonly format: 'text' | 'html' | 'json'
  readonly out?: string
  readonly from?: number
}

/** `incident report`: the notice with the fields of GDPR Article 33(3), filled in from what is known. */
export function addIncidentReport(group: Command, start: Start): void {
  group
    .command('report')
    .description('write the notice, with what the audit log knows of the data that lay open; sends nothing')
    .argument('<number>', 'such as INC-2026-0001')
    .addOption(
      new Option('--to <recipient>', 'to whom it goes')
        .choices(['authority', 'client', 'subjects'])
        .default('client'),
    )
    .addOption(new Option('--format <format>', 'of the file').choices(['text', 'html', 'json']).default('text'))
    .addOption(
      momentOption('--from <moment>', 'when the breach began (default: unknown, so all that ever lay there)'),
    )
    .addOption(outOption('where to write it (default: the screen, as text)'))
    .action((number: string, options: ReportOptions) => start((context) => report(number, options, context)))
}

async function report(number: string, options: ReportOptions, context: CommandContext): Promise<ExitCode> {
  const { atDesk, makeEvent } = await import('../books/desk.ts')
  const { buildNotice, formatNotice } = await import('../../records/incident-notice.ts')
  const { output, clock, stop } = context
  return atDesk(context, { project: null }, async (books) => {
    const { incident, clients } = await books.withRecords(
      (records) => ({
        incident: records.incident(number),
        clients: new Map(records.list().map(({ project, client }) => [project, client])),
      }),
      stop,
    )
    const exposure = await expose(
      books,
      incident,
      { from: options.from ?? null, to: clock.now() },
      clients,
      context,
    )
    const notice = buildNotice(incident, options.to, exposure, clock.now())
    const facts = { to: options.to, format: options.format, missing: notice.missing.length }
    await books.log.append(makeEvent(books, 'document-issued', { object: number, facts }), stop)
    const checkpoint = await books.log.checkpoint(books.signer, stop)
    const document = documentOf(notice, exposure, checkpoint)
    if (options.out !== undefined) {
      const text = {
        text: () => `${formatNotice(notice)}\n${checkpoint}`,
        html: () => noticeHtml({ ...notice, checkpoint }),
        json: () => `${JSON.stringify(document, null, 2)}\n`,
      }[options.format]()
      await writePrivateFile(options.out, Buffer.from(text, 'utf8'))
      output.line(`Wrote ${options.out}`)
    } else for (const line of formatNotice(notice).trimEnd().split('\n')) output.line(line)
    if (notice.missing.length > 0) output.warn(`not stated yet: ${notice.missing.join('; ')}`)
    output.document({ ...document, file: options.out ?? null })
    return EXIT.complete
  })
}

/** What the log knows of the data that lay open, with the clients' names where they are known. */
async function expose(
  books: WorkspaceBooks,
  incident: Incident,
  stretch: { readonly from: number | null; readonly to: number },
  recorded: ReadonlyMap<string, string>,
  { stop }: CommandContext,
): Promise<Exposure> {
  const clients = new Map(recorded)
  await books.withOpener(async (opener) => {
    for await (const { entry, fields } of books.log.personal(opener, stop)) {
      if (entry.action === 'init' && entry.project !== null && fields['client'] !== undefined) {
        clients.set(entry.project, fields['client'])
      }
    }
  })
  const projects = incident.projects.length === 0 ? null : incident.projects
  return collectExposure(books.log.entries(stop), { projects, ...stretch }, clients)
}

function documentOf(notice: Notice, exposure: Exposure, checkpoint: string): object {
  const { writtenAt, awareAt, due, documentation } = notice
  const { facts, sent } = documentation
  const { from, to } = exposure.scope
  return {
    notice: {
      ...notice,
      writtenAt: formatInstant(writtenAt),
      awareAt: formatInstant(awareAt),
      due: due === null ? null : formatInstant(due),
      documentation: {
        ...documentation,
        facts: facts.map((fact) => ({ ...fact, at: formatInstant(fact.at) })),
        sent: sent.map((one) => ({ ...one, at: formatInstant(one.at), notedAt: formatInstant(one.notedAt) })),
      },
    },
    exposure: {
      ...exposure,
      scope: { ...exposure.scope, from: from === null ? null : formatInstant(from), to: formatInstant(to) },
    },
    checkpoint,
  }
}
