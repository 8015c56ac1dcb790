import { Command, Option, type CommanderError } from 'commander'
import { SealpostError } from '../core/errors.ts'
import { addAudit } from './commands/audit.ts'
import { addBackup } from './commands/backup.ts'
import { addCertificate } from './commands/certificate.ts'
import { addCredentials } from './commands/credentials.ts'
import { addDoctor } from './commands/doctor.ts'
import { addExceptions } from './commands/exceptions.ts'
import { addCompletion, addExamples, addHelp } from './commands/help.ts'
import { addHold } from './commands/hold.ts'
import { addIncident } from './commands/incident.ts'
import { addInit } from './commands/init.ts'
import { addIntake } from './commands/intake.ts'
import { addMailboxes } from './commands/mailboxes.ts'
import { addOperatorCommands } from './commands/operator.ts'
import { addPlan } from './commands/plan.ts'
import { addRecords } from './commands/records.ts'
import { addRevoke } from './commands/revoke.ts'
import { addCutover } from './commands/cutover.ts'
import { addRetry, addRun } from './commands/run.ts'
import { addReport } from './commands/report.ts'
import { addRestore } from './commands/restore.ts'
import { addSignoff } from './commands/signoff.ts'
import { addStatus } from './commands/status.ts'
import { addLock, addUnlock } from './commands/unlock.ts'
import { addVerify } from './commands/verify.ts'
import { didYouMean } from './config/did-you-mean.ts'
import type { GlobalOptions, Start } from './context.ts'
import { descriptorOption } from './options.ts'
import type { Output } from './terminal/output.ts'

/** What commander leaves of the global options. */
interface RawOptions {
  readonly command?: string
  readonly project?: string
  readonly passphraseFd?: number
  readonly passphraseFile?: string
  readonly keyFile?: string
  readonly totpFd?: number
  readonly operator?: string
}

/** The whole command line. Parsing throws `CommanderError`, for `usageError` to translate. */
export function buildProgram(version: string, output: Output, start: Start): Command {
  const program = new Command('sealpost')
    .description("Moves a company's mailboxes between mail platforms and proves that every message arrived.")
    .version(version, '-V, --version', 'print the version')
    .addOption(new Option('--json', 'print JSON: one document, or one event a line for long work'))
    .addOption(new Option('--plain', 'lines instead of a dashboard, on a terminal too'))
    .addOption(new Option('--project <dir>', 'the project folder').default('.', 'the current folder'))
    .addOption(
      descriptorOption('--passphrase-fd <n>', 'read the passphrase from the first line of an open descriptor'),
    )
    .addOption(
      new Option('--passphrase-file <file>', 'read the passphrase from the first line of a file (mode 0600)'),
    )
    .addOption(new Option('--key-file <file>', 'the key file, of an operator who has one besides the passphrase'))
    .addOption(descriptorOption('--totp-fd <n>', 'read the code, where one is asked for, from an open descriptor'))
    .addOption(new Option('--operator <name>', 'who opens the keys (default: the only one there is, else you)'))
    .showSuggestionAfterError(true)
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({
      writeOut: (text) => output.text(text),
      // Help after wrong usage comes this way too; messages are told once, by whoever catches them.
      writeErr: (text) => {
        if (!text.startsWith('error:')) output.usage(text)
      },
      outputError: () => undefined,
    })
  addInit(program, start)
  addOperatorCommands(program, start)
  addRevoke(program, start)
  addUnlock(program, start)
  addLock(program, start)
  addCredentials(program, start)
  addIntake(program, start)
  addMailboxes(program, start)
  addDoctor(program, start)
  addPlan(program, start)
  addRun(program, start)
  addStatus(program, start)
  addExceptions(program, start)
  addRetry(program, start)
  addVerify(program, start)
  addReport(program, start)
  addCutover(program, start)
  addBackup(program, start)
  addRestore(program, start)
  addSignoff(program, start)
  addCertificate(program, start)
  addRecords(program, start)
  addHold(program, start)
  addIncident(program, start)
  addAudit(program, start)
  addCompletion(program, output, start)
  addHelp(program, version, output, start)
  program.hook('preAction', (_, called) => {
    program.setOptionValue('command', pathOf(called))
  })
  for (const command of allOf(program)) {
    command.copyInheritedSettings(program)
    command.helpCommand(false)
    addExamples(command, pathOf(command))
  }
  for (const command of [program, ...allOf(program)]) {
    command.exitOverride((error) => {
      throw unknownCommand(error, command) ?? error
    })
  }
  return program
}

/** The options that stand for every command. */
export function globalOptions(program: Command): GlobalOptions {
  const { command, project, passphraseFd, passphraseFile, keyFile, totpFd, operator } = program.opts<RawOptions>()
  return {
    command: command ?? '',
    project: project ?? '.',
    passphraseFd: passphraseFd ?? null,
    passphraseFile: passphraseFile ?? null,
    keyFile: keyFile ?? null,
    totpFd: totpFd ?? null,
    operator: operator ?? null,
  }
}

/**
 * What was wrong with the command line, as one of ours; null when the program only printed help or its version. Values
 * that were typed are not repeated: one may be a secret in the wrong place.
 */
export function usageError(error: CommanderError): SealpostError | null {
  if (error.exitCode === 0) return null
  if (error.code === 'commander.help') {
    return new SealpostError('config', 'a command is needed', {
      hint: 'sealpost --help lists them',
      code: 'USAGE',
    })
  }
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
  const suggestion = /Did you mean (?:one of )?(.+)\?\)/.exec(rest.join(' '))?.[1]
  const message = first
    .replace(/^(unknown option '--?[^'=]*)=.*'$/s, "$1'")
    .replace(/ argument '.*' is invalid\. /s, ' is invalid: ')
    .replace(/\.$/, '')
  const secretHint =
    'a secret never goes on the command line; one that was typed is in the shell history and should be changed'
  const hint =
    suggestion !== undefined
      ? `did you mean ${suggestion}?`
      : error.code === 'commander.excessArguments' && /'(set|import)'/.test(message)
        ? secretHint
        : 'sealpost --help shows what there is'
  return new SealpostError('config', message, { hint, code: 'USAGE' })
}

/**
 * A mistyped command of a group, by its name. Where a group does something by itself, or one of its commands stands for it,
 * commander takes the word for an argument too many. Null for any other error.
 */
function unknownCommand({ code }: CommanderError, command: Command): SealpostError | null {
  if (code !== 'commander.unknownCommand' && code !== 'commander.excessArguments') return null
  const { parent } = command
  const stands = command.commands.length === 0 && parent !== null && parent.args[0] !== command.name()
  const group = stands ? parent : command
  const names = group.commands.map((child) => child.name())
  const [word = ''] = command.args
  if (names.length === 0) return null
  if (names.includes(word)) {
    return new SealpostError('config', `the command '${word}' stands behind an option`, {
      hint: `sealpost ${pathOf(group)} ${word} comes first, then its options`,
      code: 'USAGE',
    })
  }
  const near = didYouMean(word, names)
  const list = group.parent === null ? 'sealpost --help lists them all' : `the commands are ${names.join(', ')}`
  return new SealpostError('config', `unknown command '${word}'`, {
    hint: near === null ? list : `did you mean ${near}? (${list})`,
    code: 'USAGE',
  })
}

/** The words that call a command: `credentials set`. */
export function pathOf(command: Command): string {
  const { parent } = command
  return parent?.parent == null ? command.name() : `${pathOf(parent)} ${command.name()}`
}

function allOf(command: Command): readonly Command[] {
  return command.commands.flatMap((child) => [child, ...allOf(child)])
}
