import { Argument, type Command } from 'commander'
import { SealpostError } from '../../core/errors.ts'
import { listCommands } from '../completion/command-tree.ts'
import { SHELLS, completionScript, type Shell } from '../completion/scripts.ts'
import { didYouMean } from '../config/did-you-mean.ts'
import type { Start } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import { EXAMPLES } from '../help/examples.ts'
import { manPage } from '../help/man-page.ts'
import { TOPICS } from '../help/topics.ts'
import type { Output } from '../terminal/output.ts'

const MAN = 'man'

/** `help`: a command's page, a topic, or the manual page; and examples behind the help of every command. */
export function addHelp(program: Command, version: string, output: Output, start: Start): void {
  program.helpCommand(false)
  program
    .command('help')
    .description('help on a command or a topic; `help man` prints the manual page')
    .argument('[words...]', 'a command, or a topic')
    .action((words: readonly string[]) =>
      start(async () => {
        output.text(textOn(words, program, version))
        return EXIT.complete
      }),
    )
  program.addHelpText('after', topicList())
}

/** `completion`: what teaches a shell the commands. */
export function addCompletion(program: Command, output: Output, start: Start): void {
  program
    .command('completion')
    .description('print the completion for a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .action((shell: Shell) =>
      start(async () => {
        output.text(completionScript(shell, listCommands(program)))
        return EXIT.complete
      }),
    )
}

/** Puts the examples behind the help of a command that has some. */
export function addExamples(command: Command, path: string): void {
  command.addHelpText('after', exampleList(path))
}

function textOn(words: readonly string[], program: Command, version: string): string {
  if (words.length === 0) return program.helpInformation() + topicList()
  const [name = ''] = words
  if (words.length === 1 && name === MAN) {
    return manPage({ version, summary: program.description(), commands: listCommands(program) })
  }
  const topic = words.length === 1 ? TOPICS[name] : undefined
  if (topic !== undefined) return `${topic.text}\n`
  let command = program
  for (const word of words) {
    const child = command.commands.find((each) => each.name() === word)
    if (child === undefined) throw unknown(words.join(' '), program)
    command = child
  }
  return command.helpInformation() + exampleList(words.join(' '))
}

function topicList(): string {
  const topics = Object.entries(TOPICS).map(([name, { summary }]) => `  ${name.padEnd(20)}${summary}`)
  return `\nTopics (sealpost help TOPIC):\n${topics.join('\n')}\n`
}

function exampleList(path: string): string {
  const examples = EXAMPLES[path] ?? []
  if (examples.length === 0) return ''
  const title = examples.length === 1 ? 'Example' : 'Examples'
  return `\n${title}:\n${examples.map((example) => `  ${example}`).join('\n')}\n`
}

function unknown(asked: string, program: Command): SealpostError {
  const known = [...Object.keys(TOPICS), MAN, ...listCommands(program).map(({ path }) => path)]
  const near = didYouMean(asked, known)
  return new SealpostError('config', `there is no command and no topic of this name: ${asked.slice(0, 60)}`, {
    hint: near === null ? `topics: ${Object.keys(TOPICS).join(', ')}` : `did you mean ${near}?`,
    code: 'USAGE',
  })
}
