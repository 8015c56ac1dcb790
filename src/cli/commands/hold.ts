import type { Command } from 'commander'
import { formatInstant } from '../../core/clock.ts'
import type { Hold } from '../../records/record-types.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { reasonOption, toCount } from '../options.ts'
import { table } from '../terminal/table.ts'

/** `hold`: keeps a project from every purge. */
export function addHold(program: Command, start: Start): void {
  const group = program.command('hold').description('legal holds: nothing of a held project is purged')
  group
    .command('set')
    .description('hold a project: its sign-off, the sweep of its record and erasures in it are refused')
    .argument('[project]', 'id of the project (default: the one in the project folder)')
    .addOption(reasonOption('why, for those who come later').makeOptionMandatory())
    .action((project: string | undefined, options: { readonly reason: string }) =>
      start((context) => set(project, options.reason, context)),
    )
  group
    .command('release')
    .description('release one hold; others on the same project stay')
    .argument('<number>', 'number of the hold', toCount)
    .addOption(reasonOption('why it is over').makeOptionMandatory())
    .action((number: number, options: { readonly reason: string }) =>
      start((context) => release(number, options.reason, context)),
    )
  group
    .command('list')
    .description('holds that stand, and those that were released')
    .action(() => start(list))
}

async function set(named: string | undefined, reason: string, context: CommandContext): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  const { knownProject, projectNamed } = await import('../books/name-project.ts')
  const { output, stop, home } = context
  const asked = await projectNamed(named, context)
  return atDesk(context, { project: asked }, (books) =>
    books.withRecords(async (records) => {
      const project = knownProject(asked, records, home)
      const id = await records.setHold(books.actor, project, reason, stop)
      output.line(`Hold ${id} stands on ${project}: nothing of it is purged until it is released`)
      output.document({ hold: documentOf(records.holds().find((hold) => hold.id === id)) })
      return EXIT.complete
    }, stop),
  )
}

async function release(number: number, reason: string, context: CommandContext): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  const { output, stop } = context
  return atDesk(context, { project: null }, (books) =>
    books.withRecords(async (records) => {
      await records.releaseHold(books.actor, number, reason, stop)
      const hold = records.holds().find(({ id }) => id === number)
      const others = records.heldProjects().find(({ project }) => project === hold?.project)?.holds ?? []
      output.line(`Released hold ${number}`)
      if (others.length > 0) output.line(`The project is still held: hold ${others.join(', ')}`)
      output.document({ hold: documentOf(hold), stillHeldBy: others })
      return EXIT.complete
    }, stop),
  )
}

async function list(context: CommandContext): Promise<ExitCode> {
  const { atDesk } = await import('../books/desk.ts')
  const { output, stop } = context
  return atDesk(context, { project: null }, (books) =>
    books.withRecords((records) => {
      const holds = records.holds()
      const rows = holds.map(({ id, project, setBy, setAt, reason, released }) => [
        String(id),
        project,
        `${formatInstant(setAt)} by ${setBy}`,
        released === null
          ? 'stands'
          : `released ${formatInstant(released.at)} by ${released.by}: ${released.reason}`,
        reason,
      ])
      if (rows.length === 0) output.line('No hold was ever set.')
      else for (const line of table(['#', 'project', 'set', 'state', 'reason'], rows)) output.line(line)
      output.document({ holds: holds.map(documentOf) })
      return EXIT.complete
    }, stop),
  )
}

function documentOf(hold: Hold | undefined): object | null {
  if (hold === undefined) return null
  const { id, project, setBy, setAt, reason, released } = hold
  return {
    id,
    project,
    setBy,
    setAt: formatInstant(setAt),
    reason,
    released: released && { ...released, at: formatInstant(released.at) },
  }
}
