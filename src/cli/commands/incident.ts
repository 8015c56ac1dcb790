import { Option, type Command } from 'commander'
import type { Deadline, Incident, IncidentRole, NoticeField, Recipient } from '../../records/incident-types.ts'
import type { WorkspaceBooks } from '../books/open-books.ts'
import {
  assertNoticeOptions,
  incidentDocument,
  incidentLines,
  toUpdate,
  type RawUpdate,
} from '../books/incident-show.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { momentOption, repeatedOption } from '../options.ts'
import { addIncidentReport } from './incident-report.ts'

interface OpenOptions {
  readonly what: string
  readonly aware?: number
  readonly role: IncidentRole
  readonly affects?: readonly string[]
  readonly freeze?: boolean
}

interface CloseOptions {
  readonly conclusion: string
  readonly withoutNotice?: string
}

const RECIPIENTS: readonly Recipient[] = ['authority', 'client', 'subjects']
const ROLES: readonly IncidentRole[] = ['processor', 'controller', 'both']

/** The fields of a notice, as options name them. */
const FIELDS: readonly (readonly [Exclude<NoticeField, 'update'>, string, string])[] = [
  ['subjectCategories', '--subject-categories <text>', 'categories of persons concerned'],
  ['subjectCount', '--subject-count <text>', 'approximate number of persons concerned'],
  ['recordCategories', '--record-categories <text>', 'categories of personal data records'],
  ['recordCount', '--record-count <text>', 'approximate number of records'],
  ['contact', '--contact <text>', 'data protection officer, or who else answers questions'],
  ['consequences', '--consequences <text>', 'likely consequences'],
  ['measures', '--measures <text>', 'measures taken or proposed'],
  ['delayReason', '--delay-reason <text>', 'why a notification is late'],
]

/** `incident`: a breach, its clock and its notices. */
export function addIncident(program: Command, start: Start): void {
  const group = program
    .command('incident')
    .description('personal data breaches: what was exposed, the clock, the notices')
  group
    .command('open')
    .description('open an incident; the deadlines run from the moment of awareness')
    .requiredOption('--what <text>', 'what happened, as far as it is known')
    .addOption(momentOption('--aware <moment>', 'when somebody of yours became aware (default: now)'))
    .addOption(
      new Option('--role <role>', 'as what you answer for the data: 24 h to the client, 72 h to the authority')
        .choices(ROLES)
        .default('processor'),
    )
    .addOption(repeatedOption('--affects <project>', 'id of a project that may be touched; may be repeated'))
    .option('--freeze', 'keep the vault shut until it is thawed or the incident is closed')
    .action((options: OpenOptions) => start((context) => openOne(options, context)))
  const update = group
    .command('update')
    .description('add what became known, note a notification, freeze or thaw; nothing is overwritten')
    .argument('<number>', 'such as INC-2026-0001')
    .option('--text <text>', 'what is new, in words')
  for (const [, flags, description] of FIELDS) update.option(flags, description)
  update
    .addOption(repeatedOption('--affects <project>', 'a further project that may be touched; may be repeated'))
    .addOption(new Option('--freeze', 'keep the vault shut').conflicts('thaw'))
    .addOption(new Option('--thaw', 'let the vault be opened again'))
    .addOption(new Option('--notified <recipient>', 'a notification was sent').choices(RECIPIENTS))
    .addOption(momentOption('--at <moment>', 'when it was sent (default: now)'))
    .option('--reference <text>', 'file number of the recipient, or how it was sent')
    .action((number: string, options: RawUpdate) => start((context) => updateOne(number, options, context)))
  group
    .command('close')
    .description('close an incident; it is kept for its period from now on, and its freeze ends')
    .argument('<number>', 'such as INC-2026-0001')
    .requiredOption('--conclusion <text>', 'what came of it')
    .option('--without-notice <reason>', 'why nobody had to be notified (no risk is likely)')
    .action((number: string, options: CloseOptions) => start((context) => closeOne(number, options, context)))
  addIncidentReport(group, start)
  group
    .command('list')
    .description('incidents and where their deadlines stand')
    .action(() => start(list))
}

async function openOne(options: OpenOptions, context: CommandContext): Promise<ExitCode> {
  const { output, stop, clock, home } = context
  const freeze = options.freeze === true
  return withIncidents(context, async (books) => {
    const incident = await books.withRecords(async (records) => {
      const { knownProject } = await import('../books/name-project.ts')
      const projects = (options.affects ?? []).map((text) => knownProject(text, records, home))
      const awareAt = options.aware ?? clock.now()
      const { role, what } = options
      const opened = await records.openIncident(books.actor, { role, awareAt, what, projects, freeze }, stop)
      show(opened, records.deadlines(opened.number), context)
      return opened
    }, stop)
    if (freeze) await shutVault(incident, books, context)
    else output.line('The vault stays open; --freeze with sealpost incident update shuts it')
    return EXIT.complete
  })
}

async function updateOne(number: string, options: RawUpdate, context: CommandContext): Promise<ExitCode> {
  assertNoticeOptions(options)
  const { stop, clock, home } = context
  return withIncidents(context, async (books) => {
    const incident = await books.withRecords(async (records) => {
      const { knownProject } = await import('../books/name-project.ts')
      const projects = (options.affects ?? []).map((text) => knownProject(text, records, home))
      const names = FIELDS.map(([name]) => name)
      const update = toUpdate(options, names, projects)
      if (options.notified !== undefined) {
        const notice = {
          to: options.notified,
          at: options.at ?? clock.now(),
          reference: options.reference ?? null,
        }
        await records.noteNotice(books.actor, number, notice, stop)
      }
      if (update !== null) await records.updateIncident(books.actor, number, update, stop)
      const now = records.incident(number)
      show(now, records.deadlines(number), context)
      return now
    }, stop)
    if (options.freeze === true) await shutVault(incident, books, context)
    else if (options.thaw === true) await ring(books, context)
    return EXIT.complete
  })
}

async function closeOne(number: string, options: CloseOptions, context: CommandContext): Promise<ExitCode> {
  const { stop } = context
  const { conclusion, withoutNotice = null } = options
  return withIncidents(context, async (books) => {
    await books.withRecords(async (records) => {
      const closed = await records.closeIncident(books.actor, number, { conclusion, withoutNotice }, stop)
      show(closed, records.deadlines(number), context)
    }, stop)
    await ring(books, context)
    return EXIT.complete
  })
}

async function list(context: CommandContext): Promise<ExitCode> {
  const { output, stop } = context
  return withIncidents(context, (books) =>
    books.withRecords((records) => {
      const all = records.incidents()
      if (all.length === 0) output.line('No incident was ever opened.')
      for (const incident of all) {
        for (const line of incidentLines(incident, records.deadlines(incident.number))) output.line(line)
      }
      output.document({
        incidents: all.map((incident) => incidentDocument(incident, records.deadlines(incident.number))),
      })
      return EXIT.complete
    }, stop),
  )
}

async function withIncidents(
  context: CommandContext,
  work: (books: WorkspaceBooks) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  return atDesk(context, { project: null }, work)
}

function show(incident: Incident, deadlines: readonly Deadline[], { output }: CommandContext): void {
  for (const line of incidentLines(incident, deadlines)) output.line(line)
  output.document({ incident: incidentDocument(incident, deadlines) })
}

/** Stops commands that are at work, and lets the agent forget its keys: whoever goes on has to show a passphrase. */
async function shutVault({ number }: Incident, books: WorkspaceBooks, context: CommandContext): Promise<void> {
  const { stopAgent } = await import('../../../vault/agent-client.ts')
  await ring(books, context)
  const held = await stopAgent(context.agentSocket)
  context.output.line(`The vault is frozen by ${number}${held ? ', and the agent has forgotten its keys' : ''}`)
}

/** Tells commands that are at work which incidents freeze the vault now. */
async function ring(books: WorkspaceBooks, { home, stop }: CommandContext): Promise<void> {
  const { ringFreeze } = await import('../books/freeze-watch.ts')
  await ringFreeze(home, await books.freezing(stop))
}
