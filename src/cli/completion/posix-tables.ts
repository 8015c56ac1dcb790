import type { CommandEntry, Completes } from './command-tree.ts'

/**
 * What bash and zsh ask, as functions that both read: commands behind a path, options there, what an option takes
 * (`@files`, `@folders`, words, or nothing), what an argument is, and which path the words so far have come to.
 */
export function posixTables(commands: readonly CommandEntry[]): string {
  return `# The words after the program's name, without options and their values, as far as they name a command.
_sealpost_path() {
  local at='' skip='' word
  for word in "$@"; do
    if [ -n "$skip" ]; then skip=''; continue; fi
    case "$word" in
      -*=*) ;;
      -*) if _sealpost_takes "$at" "$word"; then skip=1; fi ;;
      *) case " $(_sealpost_commands "$at") " in
           *" $word "*) at="\${at:+$at }$word" ;;
         esac ;;
    esac
  done
  printf '%s' "$at"
}
_sealpost_takes() { [ -n "$(_sealpost_value "$1" "$2")" ]; }
_sealpost_commands() {
  case "$1" in
${rows(commands, ({ commands: children }) => children.map(({ name }) => name).join(' '))}
  esac
}
_sealpost_options() {
  case "$1" in
${rows(commands, ({ options }) => options.flatMap(({ names }) => names).join(' '))}
  esac
}
_sealpost_argument() {
  case "$1" in
${rows(commands, ({ argument }) => shown(argument))}
  esac
}
_sealpost_value() {
  case "$1:$2" in
${commands.flatMap(valueRows).join('\n')}
  esac
}
`
}

function rows(commands: readonly CommandEntry[], textOf: (command: CommandEntry) => string): string {
  return commands
    .flatMap((command) => {
      const text = textOf(command)
      return text === '' ? [] : [`    '${command.path}') printf '%s' '${text}' ;;`]
    })
    .join('\n')
}

function valueRows({ path, options }: CommandEntry): readonly string[] {
  return options.flatMap(({ names, value }) =>
    value === null
      ? []
      : [
          `    ${names.map((name) => `'${path}:${name}'`).join('|')}) printf '%s' '${shown(value) || '@nothing'}' ;;`,
        ],
  )
}

function shown(completes: Completes): string {
  if (completes.kind === 'words') return completes.words.join(' ')
  return completes.kind === 'nothing' ? '' : `@${completes.kind}`
}
