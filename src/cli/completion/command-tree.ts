import type { Command, Option } from 'commander'

/** What may follow a word of the command line. */
export type Completes =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'files' | 'folders' | 'nothing' }

/** One option, as a completion needs it. */
export interface OptionEntry {
  /** `--name`, and `-n` where there is one. */
  readonly names: readonly string[]
  readonly summary: string
  /** Null: it takes no value. */
  readonly value: Completes | null
}

/** One command with what may stand behind it. */
export interface CommandEntry {
  /** Words that call it, without the program's name; empty for the program itself. */
  readonly path: string
  readonly summary: string
  readonly commands: readonly { readonly name: string; readonly summary: string }[]
  /** Its own, those of the commands above it and those of every command. */
  readonly options: readonly OptionEntry[]
  readonly argument: Completes
}

const FILES = /file|receipt/
const FOLDERS = /^dir/

/** Every command of a program, the program first. */
export function listCommands(program: Command): readonly CommandEntry[] {
  return entriesOf(program, '', [])
}

function entriesOf(command: Command, path: string, inherited: readonly OptionEntry[]): readonly CommandEntry[] {
  const options = [...command.options.filter(({ hidden }) => !hidden).map(optionEntry), ...inherited]
  const [argument] = command.registeredArguments
  const entry: CommandEntry = {
    path,
    summary: command.description(),
    commands: command.commands.map((child) => ({ name: child.name(), summary: child.description() })),
    options,
    argument: argument === undefined ? { kind: 'nothing' } : valueOf(argument.name(), argument.argChoices),
  }
  // What a group takes itself (`backup --to`) is none of its commands' business.
  const passedOn = path === '' ? options : inherited
  return [
    entry,
    ...command.commands.flatMap((child) => entriesOf(child, `${path} ${child.name()}`.trim(), passedOn)),
  ]
}

function optionEntry(option: Option): OptionEntry {
  const names = [option.long, option.short].filter((name) => typeof name === 'string')
  const value = /[<[]([^>\]]+)/.exec(option.flags)?.[1]
  return {
    names,
    summary: option.description,
    value: value === undefined ? null : valueOf(value, option.argChoices),
  }
}

function valueOf(name: string, choices: readonly string[] | undefined): Completes {
  if (choices !== undefined) return { kind: 'words', words: choices }
  if (FOLDERS.test(name)) return { kind: 'folders' }
  return { kind: FILES.test(name) ? 'files' : 'nothing' }
}
