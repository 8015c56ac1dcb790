import { userInfo } from 'node:os'
import { CommanderError } from 'commander'
import { systemClock } from '../core/clock.ts'
import { isKind, toSealpostError, type SealpostError } from '../core/errors.ts'
import type { CommandContext } from './context.ts'
import { agentSocketOf } from './access/agent-process.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { assertNoDebugger, guardStart } from './guards.ts'
import { workspaceHome } from './home.ts'
import { installSignals } from './interrupt.ts'
import { processOutput } from './terminal/output.ts'
import { buildProgram, globalOptions, usageError } from './program.ts'
import { readVersion } from './version.ts'

/**
 * Does what this process was started for, told by its arguments and environment, and resolves with its exit code. It takes
 * the process's signals and uncaught faults, and is meant to be called once in it.
 */
export async function runCommandLine(): Promise<number> {
  const umask = process.umask(0o077)

  const argv = process.argv.slice(2)
  const endOfOptions = argv.indexOf('--')
  const given = endOfOptions === -1 ? argv : argv.slice(0, endOfOptions)
  const output = processOutput(
    {
      json: given.includes('--json'),
      plain: given.includes('--plain') || process.env['TERM'] === 'dumb',
      noColour: (process.env['NO_COLOR'] ?? '') !== '' || process.env['TERM'] === 'dumb',
    },
    onLost,
  )

  // The work goes on; but who reads what was printed, or the exit code, must not take it for whole.
  function onLost(error: SealpostError): void {
    output.error(error)
    process.on('exit', (code) => {
      if (code === EXIT.complete) process.exitCode = EXIT.failed
    })
  }

  const { stop, hard } = installSignals(systemClock, () =>
    output.warn('stopping; what is under way is finished first. Once more to leave at once'),
  )
  /** A fault that nobody caught: nothing can be trusted any more, and the ledger knows all that matters. */
  const leave = (error: unknown): never => {
    output.error(toSealpostError(error, 'sealpost'))
    process.exit(EXIT.failed)
  }
  process.on('uncaughtException', leave)
  process.on('unhandledRejection', leave)

  let code: number = EXIT.complete
  try {
    guardStart({ argv, execArgv: process.execArgv, environment: process.env })
    assertNoDebugger()
    const program = buildProgram(readVersion(), output, async (work) => {
      const home = workspaceHome(process.env)
      const context: CommandContext = {
        options: globalOptions(program),
        output,
        clock: systemClock,
        home,
        agentSocket: agentSocketOf(home, process.env),
        systemUser: userInfo().username,
        umask,
        stop,
        hard,
      }
      code = await work(context)
    })
    await program.parseAsync(argv, { from: 'user' })
    return code
  } catch (error) {
    const failure = error instanceof CommanderError ? usageError(error) : toSealpostError(error, 'sealpost')
    if (failure === null) return EXIT.complete
    output.error(failure)
    // A connection that the stop cut through fails by that.
    if (stop.aborted && isKind(failure, 'transient', 'throttled', 'unknown-outcome')) return EXIT.interrupted
    return exitCodeOf(failure)
  }
}
