import type { CommandEntry, Completes } from './command-tree.ts'
import { posixTables } from './posix-tables.ts'

/** Shells that there is a completion for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const
/** One of them. */
export type Shell = (typeof SHELLS)[number]

/** The script that teaches a shell the commands; to be sourced, or put where the shell looks for it. */
export function completionScript(shell: Shell, commands: readonly CommandEntry[]): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](commands)
}

function bashScript(commands: readonly CommandEntry[]): string {
  return `# Completion of sealpost for bash: source it, or put it into ~/.local/share/bash-completion/completions/sealpost
${posixTables(commands)}
_sealpost() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before='' at kinds
  if [ "$COMP_CWORD" -gt 1 ]; then before="\${COMP_WORDS[COMP_CWORD - 1]}"; fi
  at="$(_sealpost_path "\${COMP_WORDS[@]:1:COMP_CWORD-1}")"
  kinds="$(_sealpost_value "$at" "$before")"
  if [ -z "$kinds" ]; then
    case "$word" in
      -*) kinds="$(_sealpost_options "$at")" ;;
      *) kinds="$(_sealpost_commands "$at")"; kinds="\${kinds:-$(_sealpost_argument "$at")}" ;;
    esac
  fi
  case "$kinds" in
    @files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    @folders) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    @nothing|'') COMPREPLY=() ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$kinds" -- "$word") ;;
  esac
}
complete -F _sealpost sealpost
`
}

function zshScript(commands: readonly CommandEntry[]): string {
  return `#compdef sealpost
# Completion of sealpost for zsh: source it after compinit, or put it into a folder of $fpath as _sealpost
${posixTables(commands)}
_sealpost() {
  local word="\${words[CURRENT]}" before='' at kinds
  if (( CURRENT > 2 )); then before="\${words[CURRENT-1]}"; fi
  at="$(_sealpost_path "\${(@)words[2,CURRENT-1]}")"
  kinds="$(_sealpost_value "$at" "$before")"
  if [[ -z "$kinds" ]]; then
    case "$word" in
      -*) kinds="$(_sealpost_options "$at")" ;;
      *) kinds="$(_sealpost_commands "$at")"; kinds="\${kinds:-$(_sealpost_argument "$at")}" ;;
    esac
  fi
  case "$kinds" in
    @files) _files ;;
    @folders) _files -/ ;;
    @nothing|'') return 1 ;;
    *) compadd -- \${=kinds} ;;
  esac
}
if [[ "\${funcstack[1]}" = _sealpost ]]; then _sealpost "$@"; else compdef _sealpost sealpost; fi
`
}

function fishScript(commands: readonly CommandEntry[]): string {
  return `# Completion of sealpost for fish: put it into ~/.config/fish/completions/sealpost.fish
function __sealpost_children
    switch "$argv[1]"
${commands
  .filter(({ commands: children }) => children.length > 0)
  .map(
    ({ path, commands: children }) =>
      `        case '${path}'\n            string split ' ' -- '${children.map(({ name }) => name).join(' ')}'`,
  )
  .join('\n')}
    end
end
function __sealpost_taking
    switch "$argv[1]"
${commands.map(({ path, options }) => `        case '${path}'\n            string split ' ' -- '${options.flatMap(({ names, value }) => (value === null ? [] : names)).join(' ')}'`).join('\n')}
    end
end
function __sealpost_at
    set -l at ''
    set -l skip 0
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
        else if string match -q -- '-*' $word
            contains -- $word (__sealpost_taking "$at"); and set skip 1
        else if contains -- $word (__sealpost_children "$at")
            set at (string trim -- "$at $word")
        end
    end
    test "$at" = "$argv[1]"
end
complete -c sealpost -f
${commands.flatMap(fishRows).join('\n')}
`
}

function fishRows({ path, commands, options, argument }: CommandEntry): readonly string[] {
  const here = `complete -c sealpost -n "__sealpost_at '${path}'"`
  return [
    ...commands.map(({ name, summary }) => `${here} -a ${name} -d ${quoted(summary)}`),
    ...options.map(({ names, summary, value }) => {
      const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
      return `${here} ${flags.join(' ')}${value === null ? '' : fishValue(value, '-x')} -d ${quoted(summary)}`
    }),
    ...(argument.kind === 'nothing' ? [] : [`${here}${fishValue(argument, '')}`]),
  ]
}

/** What fish offers for a value; `nothing` is what keeps files away. */
function fishValue(value: Completes, nothing: string): string {
  if (value.kind === 'files') return nothing === '' ? ' -F' : ' -r -F'
  if (value.kind === 'folders') return ` ${nothing} -a "(__fish_complete_directories)"`
  return value.kind === 'words' ? ` ${nothing} -a '${value.words.join(' ')}'` : ` ${nothing}`
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, (character) => `\\${character}`)}'`
}
