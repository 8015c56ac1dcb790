import { InvalidArgumentError, Option, type Command } from 'commander'
import { connectAgent, stopAgent } from '../../../vault/agent-client.ts'
import { toSealpostError } from '../../core/errors.ts'
import { startAgent } from '../access/agent-process.ts'
import { formatDuration, parseDuration } from '../config/units.ts'
import type { CommandContext, Start } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'

const DEFAULT_IDLE_MS = 30 * 60_000
const LONGEST_IDLE_MS = 12 * 3_600_000

/** `unlock`: an agent keeps the operator's keys in memory, so that a working day asks for the passphrase once. */
export function addUnlock(program: Command, start: Start): void {
  program
    .command('unlock')
    .description('keep the operator’s keys in memory, so that the next commands ask for no passphrase')
    .addOption(
      new Option(
        '--for <time>',
        'lock again after so long without a command (default: 30m, at most 12h)',
      ).argParser((text: string) => {
        const time = parseDuration(text)
        if (time === null || time === 0) throw new InvalidArgumentError('it must be a time such as 30m or 2h')
        if (time > LONGEST_IDLE_MS) throw new InvalidArgumentError('12 hours are the most')
        return time
      }),
    )
    .action((options: { readonly for?: number }) =>
      start((context) => unlockWorkspace(context, options.for ?? DEFAULT_IDLE_MS)),
    )
}

/** `lock`: the agent forgets the keys at once. */
export function addLock(program: Command, start: Start): void {
  program
    .command('lock')
    .description('forget the keys that `unlock` keeps in memory')
    .action(() => start(lockWorkspace))
}

async function unlockWorkspace(context: CommandContext, idleMs: number): Promise<ExitCode> {
  const { output } = context
  const { readFactors, wipeFactors } = await import('../access/unlock.ts')
  const factors = await readFactors(context)
  try {
    await stopAgent(context.agentSocket)
    const name = await startAgent(context, factors, idleMs)
    await noteAgent('unlock', { agent: true, idleSeconds: idleMs / 1000 }, context).catch(
      async (error: unknown) => {
        await stopAgent(context.agentSocket)
        throw error
      },
    )
    output.line(
      `Unlocked for ${name}; locked again after ${formatDuration(idleMs)} without a command, or by sealpost lock`,
    )
    output.document({ unlocked: true, operator: name, idleSeconds: idleMs / 1000 })
    return EXIT.complete
  } finally {
    wipeFactors(factors)
  }
}

async function lockWorkspace(context: CommandContext): Promise<ExitCode> {
  await noteAgent('lock', {}, context)
  const wasUnlocked = await stopAgent(context.agentSocket)
  context.output.line(wasUnlocked ? 'Locked' : 'It was locked already')
  context.output.document({ unlocked: false, wasUnlocked })
  return EXIT.complete
}

/** Writes down, by the agent's own keys, that they were given to it or are about to be forgotten. */
async function noteAgent(
  action: 'unlock' | 'lock',
  facts: Readonly<Record<string, number | boolean>>,
  { home, agentSocket, clock, stop, output }: CommandContext,
): Promise<void> {
  const { makeEvent } = await import('../books/desk.ts')
  const { openBooks } = await import('../books/open-books.ts')
  const operator = await connectAgent(agentSocket)
  if (operator === null) return
  try {
    const books = await openBooks(home, operator, clock)
    await books.log.append(makeEvent(books, action, { facts }), stop)
    await books.log.checkpoint(books.signer, stop)
  } catch (error) {
    // Keys are forgotten whatever the log says; that they are held is not kept from it.
    if (action === 'unlock') throw error
    output.warn(`the audit log could not be written: ${toSealpostError(error, 'audit log').message}`)
  } finally {
    operator.wipe()
  }
}
