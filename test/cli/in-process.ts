import type { Command } from 'commander'
import { buildProgram, globalOptions } from '../../src/cli/program.ts'
import type { CommandContext } from '../../src/cli/context.ts'
import { processOutput, type Output } from '../../src/cli/terminal/output.ts'

/** Commands that need nothing but their words, and so may do their work here. */
const HARMLESS: readonly string[] = ['help', 'completion']

const plain = processOutput({ json: false, noColour: true })

/** The command line in this process: what would be called, and what it printed. Nothing but help does any work. */
export function runInProcess(): {
  readonly program: Command
  readonly called: () => string
  readonly printed: () => string
} {
  let called = ''
  let printed = ''
  const output: Output = Object.create(plain, {
    text: { value: (text: string) => (printed += text) },
  }) as Output
  const program = buildProgram('0.0.0', output, async (work) => {
    called = globalOptions(program).command
    if (HARMLESS.includes(called)) await work({} as CommandContext)
  })
  return { program, called: () => called, printed: () => printed }
}
