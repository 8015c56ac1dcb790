import { InvalidArgumentError, Option, type Command } from 'commander'
import { formatInstant } from '../../core/clock.ts'
import type { AccountPair } from '../config/mailboxes-csv.ts'
import type { CommandContext, Start } from '../context.ts'
import type { Cutover } from '../cutover/checklist.ts'
import type { MailRecords } from '../cutover/look-up.ts'
import { ownResolver, parseResolver, type Resolver } from '../cutover/resolver.ts'
import { stepNamed, STEPS } from '../cutover/steps.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { repeatedOption } from '../options.ts'
import { chooseAccounts } from '../project/choose-accounts.ts'
import type { ProjectFolder } from '../project/folder.ts'
import { table } from '../terminal/table.ts'

interface WaveOptions {
  readonly wave?: string
}

interface DnsOptions extends WaveOptions {
  readonly expectMx?: readonly string[]
  readonly resolver?: Resolver
}

/** `cutover`: the day on which mail begins to arrive at the destination. */
export function addCutover(program: Command, start: Start): void {
  const group = program.command('cutover').description('the day on which mail begins to arrive at the destination')
  const wave = (): Option => new Option('--wave <name>', 'of this wave (default: of all accounts)')
  group
    .command('show', { isDefault: true })
    .description('what is to be done, and what has been done when and by whom')
    .addOption(wave())
    .action((options: WaveOptions) => start((context) => show(options, context)))
  group
    .command('dns')
    .description(
      'MX and SPF records of the accounts’ domains with their TTL; the first look is kept for the way back',
    )
    .addOption(wave())
    .addOption(repeatedOption('--expect-mx <host>', 'what the MX records are to be; may be repeated'))
    .addOption(
      new Option('--resolver <address>', 'whom to ask instead of this machine’s resolver').argParser(
        (text: string) => {
          const resolver = parseResolver(text)
          if (resolver === null)
            throw new InvalidArgumentError('it must be an address such as 192.0.2.53 or [::1]:5353')
          return resolver
        },
      ),
    )
    .action((options: DnsOptions) => start((context) => dns(options, context)))
  group
    .command('done')
    .description('note that a step has been done')
    .argument('<step>', 'as `cutover show` names it')
    .addOption(wave())
    .option('--note <text>', 'what those who come later should know')
    .action((step: string, options: WaveOptions & { readonly note?: string }) =>
      start((context) => mark(step, { note: options.note ?? null }, options, context)),
    )
  group
    .command('undo')
    .description('note that a step has not been done after all')
    .argument('<step>', 'as `cutover show` names it')
    .addOption(wave())
    .action((step: string, options: WaveOptions) => start((context) => mark(step, null, options, context)))
  group
    .command('rollback')
    .description('the way back: the records as they were, and what has to be moved back')
    .addOption(wave())
    .action((options: WaveOptions) => start((context) => rollback(options, context)))
}

interface Opened {
  readonly folder: ProjectFolder
  readonly accounts: readonly AccountPair[]
  readonly cutover: Cutover
  /** As it stands in mailboxes.csv; empty for all accounts. */
  readonly wave: string
  readonly operator: string
  readonly note: (facts: Readonly<Record<string, string | boolean>>) => Promise<void>
}

/** Unlocks, asks whether the operator may, and reads what there is. The project itself stays closed: a run may hold it. */
async function atCutover(
  options: WaveOptions,
  context: CommandContext,
  work: (opened: Opened) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { findProject } = await import('../project/folder.ts')
  const { readProjectFiles } = await import('../project/files.ts')
  const { atDesk } = await import('../books/desk.ts')
  const { projectAuditOf } = await import('../books/project-audit.ts')
  const { readCutover } = await import('../cutover/checklist.ts')
  const folder = await findProject(context.options.project)
  const files = await readProjectFiles(folder.path)
  const accounts = chooseAccounts(files.accounts, options.wave === undefined ? {} : { wave: [options.wave] })
  const wave = options.wave === undefined ? '' : (accounts[0]?.wave ?? '')
  return atDesk(context, { project: folder.record.id }, async (books) => {
    const audit = projectAuditOf(books, folder.record.id, context)
    return work({
      ...{ folder, accounts, wave, cutover: await readCutover(folder.state) },
      operator: books.actor.name ?? '',
      note: (facts) => audit.note('cutover-step', { facts: { ...facts, wave: wave === '' ? 'all' : wave } }),
    })
  })
}

function show(options: WaveOptions, context: CommandContext): Promise<ExitCode> {
  return atCutover(options, context, async ({ cutover, wave, accounts }) => {
    const { output } = context
    const done = cutover.done[wave] ?? {}
    const steps = STEPS.map(([step, meaning]) => ({ step, meaning, done: done[step] ?? null }))
    const rows = steps.map(({ step, meaning, done: mark }) => [
      step,
      mark === null ? 'open' : `${formatInstant(mark.at)} by ${mark.by}`,
      mark?.note ?? meaning,
    ])
    for (const line of table(['step', 'state', ''], rows)) output.line(line)
    output.document({ wave: wave === '' ? null : wave, accounts: accounts.length, steps })
    return EXIT.complete
  })
}

function dns(options: DnsOptions, context: CommandContext): Promise<ExitCode> {
  return atCutover(options, context, async ({ folder, cutover, accounts }) => {
    const { adviceOn, lookUp } = await import('../cutover/look-up.ts')
    const { noteFirst, writeCutover } = await import('../cutover/checklist.ts')
    const { output, clock, stop } = context
    const resolver = options.resolver ?? ownResolver()
    const domains = domainsOf(accounts)
    const looked: MailRecords[] = []
    for (const domain of domains) looked.push(await lookUp(resolver, domain, clock, stop))
    const kept = noteFirst(cutover, looked, clock.now())
    await writeCutover(folder.state, kept)
    const documents = looked.map((records) => {
      const advice = adviceOn(records, kept.first[records.domain]?.records ?? null, options.expectMx ?? [])
      output.line(records.domain)
      for (const line of recordLines(records)) output.line(`  ${line}`)
      for (const line of advice) output.line(`  - ${line}`)
      return { ...records, advice }
    })
    if (domains.length === 0) output.line('The accounts have no domains: their names hold no @.')
    output.document({ domains: documents })
    return EXIT.complete
  })
}

function mark(
  name: string,
  marked: { readonly note: string | null } | null,
  options: WaveOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const step = stepNamed(name)
  return atCutover(options, context, async ({ folder, cutover, wave, operator, note }) => {
    const { writeCutover } = await import('../cutover/checklist.ts')
    const { output, clock } = context
    const { [step]: before, ...others } = cutover.done[wave] ?? {}
    if (marked === null && before === undefined) {
      output.line(`${step} was not noted as done: nothing is changed`)
      output.document({ step, done: false })
      return EXIT.complete
    }
    const now =
      marked === null ? others : { ...others, [step]: { at: clock.now(), by: operator, note: marked.note } }
    await writeCutover(folder.state, { ...cutover, done: { ...cutover.done, [wave]: now } })
    await note({ step, done: marked !== null })
    output.line(marked === null ? `${step} is open again` : `${step} is done`)
    output.document({ step, done: marked !== null })
    return EXIT.complete
  })
}

function rollback(options: WaveOptions, context: CommandContext): Promise<ExitCode> {
  return atCutover(options, context, async ({ cutover, accounts }) => {
    const { output } = context
    const domains = domainsOf(accounts).map((domain) => ({ domain, first: cutover.first[domain] ?? null }))
    output.line('Nothing at the source was changed or deleted: it can take its mail again at any time.')
    output.line('1. Stop what runs, so that nothing more is moved.')
    output.line('2. Put the records back as they were:')
    for (const { domain, first } of domains) {
      if (first === null) output.line(`   ${domain}: not looked up before the change (sealpost cutover dns)`)
      else {
        output.line(`   ${domain}, as of ${formatInstant(first.at)}`)
        for (const line of recordLines(first.records)) output.line(`     ${line}`)
      }
    }
    output.line('3. Turn off forwarding at the source, and tell the users.')
    output.line(
      '4. What arrived at the destination since then is there alone. Move it back by a project of its own, with the ends',
    )
    output.line('   exchanged and filters.after set to the moment of the change.')
    output.document({ domains })
    return EXIT.complete
  })
}

function recordLines({ mx, spf }: MailRecords): readonly string[] {
  return [
    ...mx.map(({ exchange, preference, ttl }) => `MX ${preference} ${exchange} (TTL ${ttl} s)`),
    ...spf.map(({ text, ttl }) => `SPF ${text} (TTL ${ttl} s)`),
  ]
}

/** Domains of the accounts at both ends, in small letters, each once. */
function domainsOf(accounts: readonly AccountPair[]): readonly string[] {
  const names = accounts.flatMap(({ source, destination }) => [source, destination])
  const domains = names.map((name) => /@([^@\s]+)$/.exec(name)?.[1]?.toLowerCase())
  return [...new Set(domains.filter((domain): domain is string => domain !== undefined))].sort()
}
