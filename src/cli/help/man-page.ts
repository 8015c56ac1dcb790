import type { CommandEntry, OptionEntry } from '../completion/command-tree.ts'
import { EXAMPLES } from './examples.ts'
import { TOPICS } from './topics.ts'

/** What the page is made of besides the commands. */
export interface ManPage {
  readonly version: string
  readonly summary: string
  readonly commands: readonly CommandEntry[]
}

/** The manual page sealpost(1), in the macros of man(7). */
export function manPage({ version, summary, commands }: ManPage): string {
  const [program, ...others] = commands
  const common = program?.options ?? []
  const shared = new Set(common.flatMap(({ names }) => names))
  const leaves = others.filter(
    (command) => command.commands.length === 0 || command.options.length > common.length,
  )
  return [
    `.TH SEALPOST 1 "" "Sealpost ${version}" "User Commands"`,
    '.SH NAME',
    `sealpost \\- ${escaped(summary)}`,
    '.SH SYNOPSIS',
    '.B sealpost',
    '.I COMMAND',
    '[\\fIOPTION\\fR]\\&...',
    '.SH OPTIONS OF EVERY COMMAND',
    ...common.flatMap(optionLines),
    '.SH COMMANDS',
    ...leaves.flatMap((command) => commandLines(command, shared)),
    ...Object.entries(TOPICS).flatMap(([name, { text }]) => [
      `.SH ${name.toUpperCase().replaceAll('-', ' ')}`,
      '.nf',
      ...text.split('\n').map(escaped),
      '.fi',
    ]),
    '',
  ].join('\n')
}

function commandLines({ path, summary, options }: CommandEntry, shared: ReadonlySet<string>): readonly string[] {
  const own = options.filter(({ names }) => !names.some((name) => shared.has(name)))
  return [
    `.SS sealpost ${path}`,
    escaped(summary),
    ...own.flatMap(optionLines),
    ...(EXAMPLES[path] ?? []).flatMap((example) => ['.PP', '.EX', escaped(example), '.EE']),
  ]
}

function optionLines({ names, summary, value }: OptionEntry): readonly string[] {
  const flags = names.map((name) => `\\fB${escaped(name)}\\fR`).join(', ')
  const choices = value?.kind === 'words' ? ` ${escaped(value.words.join('|'))}` : ''
  return ['.TP', `${flags}${value === null ? '' : choices || ' \\fIVALUE\\fR'}`, escaped(summary)]
}

/** Text that no macro reads anything into. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1')
}
