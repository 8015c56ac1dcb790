import { Option, type Command } from 'commander'
import { formatInstant } from '../../core/clock.ts'
import type { PersonalOpener } from '../../core/audit.ts'
import { counted } from '../../core/counted.ts'
import { SealpostError } from '../../core/errors.ts'
import type { Records } from '../../records/records-db.ts'
import type { SubjectQuery } from '../../records/subject-match.ts'
import type { SubjectReport } from '../../records/subjects.ts'
import { formatOf, formatOption, type RawExport } from '../books/export-file.ts'
import type { WorkspaceBooks } from '../books/open-books.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { outOption, reasonOption } from '../options.ts'

interface RawPerson {
  readonly address?: string
}

interface RawCorrection extends RawPerson {
  readonly newName?: string
  readonly newAddress?: string
  readonly newPhone?: string
  readonly newTitle?: string
}

/** `records subject`: a person's rights over what is held (promise P11). */
export function addSubject(records: Command, start: Start): void {
  const group = records
    .command('subject')
    .description('rights of a person: access, portability, rectification, erasure, restriction')
  const person = (name: string, description: string): Command =>
    group
      .command(name)
      .description(description)
      .argument('[name]', 'the whole name of the person')
      .addOption(
        new Option('--address <address>', 'the address of the person, by itself or to tell namesakes apart'),
      )
  person('find', 'everything that is held about the person, and until when').action(
    (name: string | undefined, options: RawPerson) => start((context) => find(toQuery(name, options), context)),
  )
  person('export', 'the same as a structured document, to be handed out')
    .addOption(formatOption())
    .addOption(outOption('where to write it (default: the screen, as JSON)'))
    .action((name: string | undefined, options: RawPerson & RawExport) =>
      start((context) => exportOne(toQuery(name, options), options, context)),
    )
  person('rectify', 'correct what contacts say; signed documents stay as they are')
    .option('--new-name <name>', 'what the person is called from now on')
    .option('--new-address <address>', 'the new address; an empty one removes it')
    .option('--new-phone <number>', 'the new telephone number; an empty one removes it')
    .option('--new-title <title>', 'the new title; an empty one removes it')
    .action((name: string | undefined, options: RawCorrection) =>
      start((context) => rectify(toQuery(name, options), options, context)),
    )
  person(
    'erase',
    'erase what no hold, restriction or legal period keeps, and say what stays and until when',
  ).action((name: string | undefined, options: RawPerson) =>
    start((context) =>
      carryOut('erased', context, (records, books, opener) =>
        records.eraseSubject(books.actor, toQuery(name, options), opener, context.stop),
      ),
    ),
  )
  person('restrict', 'from now on the records about the person are shown and exported, and nothing else')
    .addOption(reasonOption('why').makeOptionMandatory())
    .action((name: string | undefined, options: RawPerson & { readonly reason: string }) =>
      start((context) => {
        const query = toQuery(name, options)
        return carryOut('restricted', context, (records, books, opener) =>
          records.restrictSubject(books.actor, query, options.reason, opener, context.stop),
        )
      }),
    )
}

/** Throws `config` when nobody is named. */
function toQuery(name: string | undefined, { address }: RawPerson): SubjectQuery {
  if (name !== undefined || address !== undefined) return { name: name ?? null, address: address ?? null }
  throw new SealpostError('config', 'nobody is named', {
    hint: 'give NAME, --address ADDRESS or both',
    code: 'USAGE',
  })
}

async function find(query: SubjectQuery, context: CommandContext): Promise<ExitCode> {
  const { hitLine } = await import('../books/record-show.ts')
  const { output, stop } = context
  return withSubject(context, async (records, _books, opener) => {
    const hits = await records.findSubject(query, opener, stop)
    output.line(
      hits.length === 0 ? 'Nothing is held about this person.' : `Held in ${counted(hits.length, 'place')}:`,
    )
    for (const hit of hits)
      output.line(`${hitLine(hit)}${hit.keptUntil === null ? '' : `; kept until ${hit.keptUntil}`}`)
    output.document({ held: hits })
    return EXIT.complete
  })
}

async function exportOne(query: SubjectQuery, options: RawExport, context: CommandContext): Promise<ExitCode> {
  const { writeExport } = await import('../books/export-file.ts')
  const { subjectTable } = await import('../books/record-show.ts')
  const { output, stop, clock } = context
  const format = formatOf(options)
  return withSubject(context, async (records, books, opener) => {
    const hits = await records.exportSubject(books.actor, query, opener, stop)
    const document = { exportedAt: formatInstant(clock.now()), person: query, held: hits }
    if (options.out === undefined) {
      if (output.json) output.document(document)
      else output.text(`${JSON.stringify(document, null, 2)}\n`)
      return EXIT.complete
    }
    const files = await writeExport(options.out, format, document, [subjectTable(hits)])
    output.line(`Wrote ${counted(hits.length, 'entry', 'entries')} to ${files.join(' and ')}`)
    output.document({ held: hits.length, format, files })
    return EXIT.complete
  })
}

async function rectify(query: SubjectQuery, options: RawCorrection, context: CommandContext): Promise<ExitCode> {
  const {
    newName: name = null,
    newAddress: address = null,
    newPhone: phone = null,
    newTitle: title = null,
  } = options
  if ([name, address, phone, title].every((part) => part === null)) {
    throw new SealpostError('config', 'no correction was given', {
      hint: 'give --new-name, --new-address, --new-phone or --new-title',
      code: 'USAGE',
    })
  }
  return carryOut('corrected', context, (records, books, opener) =>
    records.rectifySubject(books.actor, query, { name, address, phone, title }, opener, context.stop),
  )
}

/** Does what was asked for, and says what was done, what was not and why: exit 3 where something stays. */
async function carryOut(
  what: 'erased' | 'corrected' | 'restricted',
  context: CommandContext,
  work: (records: Records, books: WorkspaceBooks, opener: PersonalOpener) => Promise<SubjectReport>,
): Promise<ExitCode> {
  const { hitLine, reportDocument } = await import('../books/record-show.ts')
  const { output } = context
  return withSubject(context, async (records, books, opener) => {
    const report = await work(records, books, opener)
    const { done, kept, method } = report
    output.line(`${done.length} ${what}, ${counted(kept.length, 'stays as it is', 'stay as they are')}`)
    for (const hit of done) output.line(hitLine(hit))
    for (const hit of kept) output.line(hitLine(hit))
    if (method !== null) output.line(method)
    output.document({ [what]: reportDocument(report) })
    return kept.length > 0 ? EXIT.exceptions : EXIT.complete
  })
}

async function withSubject(
  context: CommandContext,
  work: (records: Records, books: WorkspaceBooks, opener: PersonalOpener) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  return atDesk(context, { project: null }, (books) =>
    books.withOpener((opener) => books.withRecords((records) => work(records, books, opener), context.stop)),
  )
}
