import { InvalidArgumentError, Option, type Command } from 'commander'
import { formatInstant } from '../../core/clock.ts'
import { counted, formatCount } from '../../core/counted.ts'
import { isKind, type SealpostError } from '../../core/errors.ts'
import type { EngineEvent } from '../../core/events.ts'
import type { Pair } from '../../core/ledger.ts'
import { exceptionsOf } from '../../core/ledger-rows.ts'
import type { Totals } from '../../core/states.ts'
import type { Pass, RunOutcome } from '../../engine/run-project.ts'
import { chooseAccounts } from '../project/choose-accounts.ts'
import { chooseMailboxes } from '../project/choose-mailboxes.ts'
import { formatDuration, formatSize, parseDuration } from '../config/units.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { OpenProject } from '../project/open-project.ts'
import { accountOption, waveOption, confirmOption, repeatedOption } from '../options.ts'
import { failureCode, growth, ledgerCode, messageCounts } from '../outcome.ts'
import { errorDocument, failureText } from '../terminal/output.ts'
import { showPlan } from './plan.ts'

interface RunOptions {
  readonly mailbox?: readonly string[]
  readonly wave?: readonly string[]
  readonly confirm?: readonly string[]
  readonly dryRun?: boolean
  readonly delta?: boolean
  readonly final?: boolean
  /** Milliseconds between two passes. */
  readonly watch?: number
}

interface RetryOptions extends Pick<RunOptions, 'mailbox' | 'wave' | 'confirm'> {
  readonly only?: readonly string[]
  readonly missing?: boolean
  readonly removed?: boolean
}

/** `run`: moves the mail. */
export function addRun(program: Command, start: Start): void {
  program
    .command('run')
    .description('move the mail; again: go on where it stopped, then what is new or changed')
    .addOption(accountOption())
    .addOption(waveOption())
    .addOption(confirmOption())
    .option('--dry-run', 'only say what would be done, as plan does; nothing is changed anywhere')
    .addOption(new Option('--delta', 'only where a first pass has been made').conflicts('final'))
    .option('--final', 'the last pass, after the cutover; it is noted as such')
    .addOption(watchOption())
    .action((options: RunOptions) =>
      start((context) => (options.dryRun === true ? showPlan(options, context) : run('run', options, context))),
    )
}

/** More often would be a load on both servers, and no mail is later for it. */
const LEAST_WATCH_MS = 60_000

/** `--watch 15m`. */
function watchOption(): Option {
  return new Option('--watch <time>', 'pass after pass, so long apart, until it is interrupted')
    .argParser((text: string) => {
      const time = parseDuration(text)
      if (time === null || time < LEAST_WATCH_MS)
        throw new InvalidArgumentError('it must be a time such as 15m, at least 1m')
      return time
    })
    .conflicts(['final', 'dryRun'])
}

/** `retry`: tries again what was quarantined, or was too large; on demand, what was delivered and is no longer there. */
export function addRetry(program: Command, start: Start): void {
  program
    .command('retry')
    .description('try the quarantined and the too large messages again, and go on with the rest')
    .addOption(accountOption())
    .addOption(waveOption())
    .addOption(confirmOption())
    .addOption(
      repeatedOption(
        '--only <mailbox>',
        'try again only what is of mailboxes that this glob matches; may be repeated',
      ),
    )
    .option('--missing', 'send again what verify --level full has never found at the destination')
    .option('--removed', 'send again what it found there at first and no longer, too')
    .action((options: RetryOptions) =>
      start((context) =>
        run('retry', options, context, ({ ledger }, pairs) => {
          const chosen = new Set(chooseMailboxes(ledger, pairs, options.only).map(({ id }) => id))
          let again = 0
          for (const { id } of pairs) {
            const rows = options.only === undefined ? null : [...exceptionsOf(ledger, id)]
            const ids = rows?.filter((row) => chosen.has(row.mailboxId)).map((row) => row.id) ?? null
            again += ledger.requeue(id, ids)
          }
          context.output.line(`${counted(again, 'message')} to be tried again`)
          if (options.missing !== true && options.removed !== true) return
          let back = 0
          for (const id of chosen) {
            if (options.missing === true) back += ledger.putBack(id, 'open')
            if (options.removed === true) back += ledger.putBack(id, 'removed-after-check')
          }
          context.output.line(`${counted(back, 'delivered message')} to be looked for, and sent again`)
        }),
      ),
    )
}

async function run(
  command: 'run' | 'retry',
  options: RunOptions,
  context: CommandContext,
  prepare: (project: OpenProject, pairs: readonly Pair[]) => void = () => undefined,
): Promise<ExitCode> {
  const { enterPairs, noteCredentialUse, openProject } = await import('../project/open-project.ts')
  const { confirmPairs } = await import('../project/confirm-pairs.ts')
  const { namePass } = await import('../project/name-pass.ts')
  const project = await openProject(context)
  try {
    const { ledger } = project
    await confirmPairs(project, options.confirm ?? [], context)
    const chosen = chooseAccounts(project.accounts, options)
    const pairs = enterPairs(project, chosen)
    const pass = namePass(ledger, pairs, options)
    prepare(project, pairs)
    await noteCredentialUse(project, chosen, command)
    let { code, outcome } = await makePass({ command, pass, pairs }, project, context)
    if (options.watch !== undefined) {
      const leftOut: SealpostError[] = []
      for (let going = pairs; !outcome.cancelled;) {
        going = going.filter((pair) => !isRefused(pair, outcome, leftOut))
        if (going.length === 0 || !(await isTimeForNext(options.watch, project, context))) break
        ;({ code, outcome } = await makePass({ command, pass: 'delta', pairs: going }, project, context))
      }
      code = failureCode(leftOut) ?? code
    }
    project.freeze.assertNotStopped()
    return code
  } finally {
    await project.close()
  }
}

/** One pass over these pairs, from its note in the audit log to the next. */
async function makePass(
  {
    command,
    pass,
    pairs,
  }: { readonly command: 'run' | 'retry'; readonly pass: Pass; readonly pairs: readonly Pair[] },
  project: OpenProject,
  context: CommandContext,
): Promise<{ readonly code: ExitCode; readonly outcome: RunOutcome }> {
  const { runProject } = await import('../../engine/run-project.ts')
  const { Pace } = await import('../../engine/pace.ts')
  const { counted } = await import('../../core/session-count.ts')
  const { showProgress } = await import('../terminal/progress.ts')
  const { ledger, config, spool } = project
  const { output, clock } = context
  const before = ledger.totals({})
  await project.audit.note('run-started', { facts: { command, pass, accounts: pairs.length } })
  const { mapping, filters, limits } = config
  const pace = new Pace(limits.lanes)
  const source = counted(project.source)
  const destination = counted(project.destination)
  const watched = {
    ...{ pairs, ledger, pace, rates: project.rates, stop: context.stop },
    ...{ source: source.sessions, destination: destination.sessions },
  }
  const progress = output.interactive
    ? await (await import('../terminal/run-dashboard.ts')).showRun(output, clock, watched)
    : showProgress(output, clock, pairs, ledger)
  let outcome: RunOutcome
  try {
    const events = (event: EngineEvent): void => {
      project.log.event(event)
      progress.sink(event)
    }
    outcome = await runProject(
      {
        ...{ source: source.connector, destination: destination.connector },
        ...{ ledger, spool, clock, events, mapping, filters, limits, pass, pace },
      },
      pairs,
      project.freeze.signal,
      context.hard,
    )
  } catch (error) {
    // What ended the run is told, whatever becomes of the log.
    await noteEnd(project, pairs, before, null).catch(() => undefined)
    throw error
  } finally {
    progress.stop()
  }
  // Told first: the log must not stand between people and what came of their run.
  const code = report(outcome, pairs, before, project, context)
  await noteEnd(project, pairs, before, outcome)
  return { code, outcome }
}

/** True for an account that was refused for good: asked again every quarter of an hour it would be locked. */
function isRefused(pair: Pair, outcome: RunOutcome, leftOut: SealpostError[]): boolean {
  const error = outcome.pairs.find((each) => each.pair.id === pair.id)?.error ?? null
  if (!isKind(error, 'auth', 'config', 'policy')) return false
  leftOut.push(error)
  return true
}

/** Waits for the next pass; false when it was interrupted meanwhile, which loses nothing. */
async function isTimeForNext(time: number, project: OpenProject, context: CommandContext): Promise<boolean> {
  const { clock, output } = context
  output.line(`The next pass begins at ${formatInstant(clock.now() + time)}. End with Ctrl-C.`)
  try {
    await clock.sleep(time, project.freeze.signal)
    return true
  } catch {
    return false
  }
}

/** Writes down what came of a run, with a checkpoint; without an outcome it broke off. */
async function noteEnd(
  { audit, ledger }: OpenProject,
  pairs: readonly Pair[],
  before: Totals,
  outcome: RunOutcome | null,
): Promise<void> {
  const { landed, landedBytes } = ledger.totals({})
  await audit.note('run-finished', {
    outcome: outcome === null ? 'failed' : 'done',
    facts: {
      accounts: pairs.length,
      failures: outcome?.pairs.filter(({ error }) => error !== null).length ?? null,
      messages: Math.max(0, landed - before.landed),
      bytes: Math.max(0, landedBytes - before.landedBytes),
      interrupted: outcome?.cancelled ?? null,
    },
  })
  await audit.checkpoint()
}

function report(
  outcome: RunOutcome,
  pairs: readonly Pair[],
  before: Totals,
  project: OpenProject,
  { output }: CommandContext,
): ExitCode {
  const { totals, seconds } = outcome
  const failures = outcome.pairs.flatMap(({ pair, error }) => (error === null ? [] : [{ pair, error }]))
  const bytes = totals.landedBytes - before.landedBytes
  for (const { pair, error } of failures) output.warn(`${pair.source}: ${failureText(error)}`)
  const landed = totals.landed - before.landed
  const adopted = totals.existing - before.existing
  output.line(
    `${counted(landed, 'message')} landed in this run (${formatSize(bytes)}, ${formatDuration(seconds * 1000)})` +
      (adopted > 0 ? `, ${formatCount(adopted)} found there already` : ''),
  )
  for (const line of totalLines(totals)) output.line(line)
  const code = outcome.cancelled
    ? EXIT.interrupted
    : (failureCode(failures.map(({ error }) => error)) ?? ledgerCode(project.ledger, pairs))
  const isAll = pairs.length === project.accounts.length && totals.discovered + totals.appending === 0
  output.line(output.paint(code === EXIT.complete ? 'green' : 'yellow', nextStep(code, failures.length, isAll)))
  output.event({
    event: 'run-finished',
    messages: messageCounts(totals),
    thisRun: growth(before, totals),
    bytes,
    seconds: Math.round(seconds * 1000) / 1000,
    interrupted: outcome.cancelled,
    failures: failures.map(({ pair, error }) => ({
      source: pair.source,
      destination: pair.destination,
      error: errorDocument(error),
    })),
  })
  return code
}

/** The project's totals, which balance when all is done (invariant 8). */
export function totalLines(totals: Totals): readonly string[] {
  const waiting = totals.discovered + totals.appending
  const rows: readonly (readonly [string, number])[] = [
    ['at the source', totals.source],
    ['landed', totals.landed],
    ['  of these merged', totals.merged],
    ['there before', totals.existing],
    ['skipped', totals.skipped],
    ['quarantined', totals.quarantined],
    ['gone before they landed', totals.expunged],
    ['to be moved', waiting],
  ]
  return rows
    .filter(([, count], index) => count > 0 || index < 2)
    .map(([name, count]) => `  ${name.padEnd(24)} ${formatCount(count).padStart(12)}`)
}

/** `isAll`: the run was asked for the whole project, and nothing of other accounts is left either. */
function nextStep(code: ExitCode, failed: number, isAll: boolean): string {
  if (code === EXIT.complete)
    return `${isAll ? 'Everything' : 'All that was asked for'} has landed. Next: sealpost verify`
  if (code === EXIT.interrupted) return 'Interrupted. Go on with: sealpost run'
  if (code === EXIT.exceptions) return 'Finished with exceptions. See: sealpost exceptions'
  if (failed > 0) return `${counted(failed, 'account')} could not be finished. Go on with: sealpost run`
  return 'Some messages have not ended yet. Go on with: sealpost run'
}
