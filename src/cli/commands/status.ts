import type { Command } from 'commander'
import { formatInstant } from '../../core/clock.ts'
import { formatCount } from '../../core/counted.ts'
import type { LedgerReader, Pair, Wait } from '../../core/ledger.ts'
import type { Totals } from '../../core/states.ts'
import { chooseAccounts, type AccountChoice } from '../project/choose-accounts.ts'
import { projectHolder } from '../project/lock.ts'
import { formatSize } from '../config/units.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { accountOption, waveOption } from '../options.ts'
import { isOpen, messageCounts, stateOf, type AccountState } from '../outcome.ts'
import { table } from '../terminal/table.ts'
import { totalLines } from './run.ts'

interface AccountStatus {
  readonly pair: Pair
  readonly state: AccountState
  readonly totals: Totals
  readonly openFindings: number
  readonly unverified: number
  /** What the run that is under way waits for, or null. */
  readonly wait: Wait | null
}

/** `status`: where the project stands, from the ledger alone, also while a run is under way. */
export function addStatus(program: Command, start: Start): void {
  program
    .command('status')
    .description('say where the project stands; makes no connection')
    .addOption(accountOption())
    .addOption(waveOption())
    .option('--watch', 'keep showing how a run goes on: until q or, where lines are printed, until it ends')
    .action((options: AccountChoice & { readonly watch?: boolean }) =>
      start((context) => status(options, context)),
    )
}

async function status(
  choice: AccountChoice & { readonly watch?: boolean },
  context: CommandContext,
): Promise<ExitCode> {
  const { knownPairs, openReadable } = await import('../project/open-project.ts')
  const { output, clock } = context
  const project = await openReadable(context)
  try {
    const { folder, ledger, config } = project
    const pairs = knownPairs(project, chooseAccounts(project.accounts, choice))
    if (choice.watch === true) {
      const { watchStatus } = await import('../terminal/watch-status.ts')
      const isRunning = async (): Promise<boolean> => (await projectHolder(folder.state)) !== null
      const isWhole = await watchStatus(output, clock, { pairs, ledger, isRunning }, context.stop)
      return isWhole ? EXIT.complete : EXIT.interrupted
    }
    const holder = await projectHolder(folder.state)
    // Without a run nobody waits: one that was killed leaves its waits behind.
    const waits = holder === null ? [] : ledger.waits().filter((wait) => wait.until > clock.now())
    const accounts = pairs.map((pair) => statusOf(pair, waits, ledger))
    const rows = accounts.map(({ pair, state, totals, openFindings, unverified }) => [
      pair.source,
      state,
      formatCount(totals.source),
      formatCount(totals.landed + totals.existing),
      formatCount(totals.quarantined + totals.skipped),
      formatCount(totals.discovered + totals.appending),
      formatCount(openFindings),
      formatCount(unverified),
      formatSize(totals.landedBytes),
    ])
    const header = [
      'account',
      'state',
      'messages',
      'there',
      'exceptions',
      'to move',
      'findings',
      'unverified',
      'landed',
    ]
    for (const line of table(header, rows)) output.line(line)
    for (const { pair, wait } of accounts) {
      if (wait !== null) output.line(`${pair.source} waits until ${formatInstant(wait.until)}: ${wait.reason}`)
    }
    output.line()
    if (holder !== null) output.line(`process ${holder.pid} has worked on it since ${holder.since}`)
    for (const line of totalLines(ledger.totals({}))) output.line(line)
    const totals = ledger.totals({})
    output.document({
      client: config.client,
      running: holder,
      accounts: accounts.map((account) => ({
        source: account.pair.source,
        destination: account.pair.destination,
        state: account.state,
        messages: messageCounts(account.totals),
        pending: account.totals.discovered + account.totals.appending,
        bytes: account.totals.landedBytes,
        openFindings: account.openFindings,
        unverified: account.unverified,
        waiting:
          account.wait === null ? null : { reason: account.wait.reason, until: formatInstant(account.wait.until) },
      })),
      messages: messageCounts(totals),
      pending: totals.discovered + totals.appending,
      bytes: totals.landedBytes,
    })
    return EXIT.complete
  } finally {
    await project.close()
  }
}

function statusOf(pair: Pair, waits: readonly Wait[], ledger: LedgerReader): AccountStatus {
  const totals = ledger.totals({ pairId: pair.id })
  const known = pair.id !== 0
  return {
    pair,
    state: stateOf(pair, ledger),
    totals,
    openFindings: known ? ledger.findings(pair.id).filter(isOpen).length : 0,
    unverified: known ? ledger.unverified(pair.id) : 0,
    wait: waits.find((wait) => wait.pairId === pair.id) ?? null,
  }
}
