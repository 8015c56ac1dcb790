import type { Command } from 'commander'
import type { Ledger, Pair } from '../../core/ledger.ts'
import type { Totals } from '../../core/states.ts'
import { chooseAccounts } from '../project/choose-accounts.ts'
import { formatSize } from '../config/units.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { accountOption } from '../options.ts'
import { isOpen, messageCounts, stateOf, type AccountState } from '../outcome.ts'
import { formatCount } from '../terminal/progress-text.ts'
import { table } from '../terminal/table.ts'
import { totalLines } from './run.ts'

interface AccountStatus {
  readonly pair: Pair
  readonly state: AccountState
  readonly totals: Totals
  readonly openFindings: number
  readonly unverified: number
}

/** `status`: where the project stands, from the ledger alone. */
export function addStatus(program: Command, start: Start): void {
  program
    .command('status')
    .description('say where the project stands; makes no connection')
    .addOption(accountOption())
    .action((options: { readonly mailbox?: readonly string[] }) =>
      start((context) => status(options.mailbox, context)),
    )
}

async function status(named: readonly string[] | undefined, context: CommandContext): Promise<ExitCode> {
  const { knownPairs, openLedgered } = await import('../project/open-project.ts')
  const { output } = context
  const project = await openLedgered(context)
  try {
    const { ledger, config } = project
    const pairs = knownPairs(project, chooseAccounts(project.accounts, named))
    const accounts = pairs.map((pair) => statusOf(pair, ledger))
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
    output.line()
    for (const line of totalLines(ledger.totals({}))) output.line(line)
    const totals = ledger.totals({})
    output.document({
      client: config.client,
      accounts: accounts.map((account) => ({
        source: account.pair.source,
        destination: account.pair.destination,
        state: account.state,
        messages: messageCounts(account.totals),
        pending: account.totals.discovered + account.totals.appending,
        bytes: account.totals.landedBytes,
        openFindings: account.openFindings,
        unverified: account.unverified,
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

function statusOf(pair: Pair, ledger: Ledger): AccountStatus {
  const totals = ledger.totals({ pairId: pair.id })
  const known = pair.id !== 0
  return {
    pair,
    state: stateOf(pair, ledger),
    totals,
    openFindings: known ? ledger.findings(pair.id).filter(isOpen).length : 0,
    unverified: known ? ledger.unverified(pair.id) : 0,
  }
}
