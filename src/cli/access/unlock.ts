import { SealpostError } from '../../core/errors.ts'
import { connectAgent } from '../../../vault/agent-client.ts'
import { unlockOperator, type UnlockedOperator } from '../../../vault/operator.ts'
import { wipe, type Secret } from '../../../vault/secret.ts'
import type { CommandContext } from '../context.ts'
import { forbidCoreFiles } from '../core-limit.ts'
import { assertNoDebugger } from '../guards.ts'
import { readKeyFileOf } from './key-file.ts'
import { waitingText, wrongBeforeText } from './guess-texts.ts'
import { readSecretFile, readSecretLine } from './secret-input.ts'
import { watchPassphrases } from './watch-guesses.ts'
import { canPrompt, promptSecret } from '../terminal/prompt.ts'

const ADVISED_CHARACTERS = 12

let coreFilesForbidden: Promise<void> | null = null

/**
 * Opens the operator's keys, by the agent where one holds them and no passphrase was given, else with the passphrase; the
 * caller wipes them. Throws `locked` when it is the wrong one.
 */
export async function unlock(context: CommandContext): Promise<UnlockedOperator> {
  await guardMemory()
  const held = await heldByAgent(context)
  if (held !== null) return held
  const factors = await readFactors(context)
  try {
    return await openOperator(context, context.options.operator, factors)
  } finally {
    wipeFactors(factors)
  }
}

/** What opens an operator's keys. */
export interface Factors {
  readonly passphrase: Secret
  readonly keyFile: Buffer | null
}

/** Forgets both. Twice is safe. */
export function wipeFactors({ passphrase, keyFile }: Factors): void {
  passphrase.wipe()
  wipe(keyFile)
}

/** What opens the keys of an operator who exists: from a descriptor, a file or the terminal. The caller wipes it. */
export async function readFactors(context: CommandContext): Promise<Factors> {
  await guardMemory()
  const { options, output, systemUser, stop } = context
  const who = { operator: options.operator, systemUser }
  const keyFile = await readKeyFileOf(context, who, options.keyFile, '--key-file')
  try {
    const unattended = await readUnattended(context)
    const passphrase = unattended ?? (await promptSecret('Passphrase', (text) => output.prompt(text), stop))
    return { passphrase, keyFile }
  } catch (error) {
    wipe(keyFile)
    throw error
  }
}

/**
 * Opens an operator's keys. Wrong passphrases are slowed and logged, and whoever gives the right one is told of them.
 * Throws what `unlockOperator` throws.
 */
export async function openOperator(
  context: CommandContext,
  name: string | null,
  { passphrase, keyFile }: Factors,
): Promise<UnlockedOperator> {
  const { home, clock, stop, systemUser, output } = context
  const warn = (text: string): void => output.warn(text)
  const operator = await unlockOperator(home, {
    operator: name,
    systemUser,
    passphrase,
    ...(keyFile === null ? {} : { keyFile }),
    watch: watchPassphrases(home, false, {
      clock,
      signal: stop,
      waiting: (ms) => warn(waitingText(ms, 'passphrases')),
      warn,
    }),
  })
  if (operator.wrongBefore > 0) warn(wrongBeforeText(operator))
  return operator
}

/** The passphrase of the first operator, from where a passphrase comes. The caller wipes it. Throws `config` when two differ. */
export async function readNewPassphrase(context: CommandContext): Promise<Secret> {
  await guardMemory()
  return (await readUnattended(context)) ?? promptNewPassphrase(context)
}

/** The passphrase of a further operator: from a descriptor of its own, or asked for. As `readNewPassphrase`. */
export async function readOthersPassphrase(
  context: CommandContext,
  name: string,
  descriptor: number | null,
): Promise<Secret> {
  await guardMemory()
  if (descriptor !== null) return readSecretLine(descriptor, `the passphrase of ${name}`, context.stop)
  if (canPrompt()) return promptNewPassphrase(context)
  throw new SealpostError('config', `the passphrase of ${name} is needed and there is no terminal to ask on`, {
    hint: 'use --new-passphrase-fd N',
    code: 'NO_PASSPHRASE',
  })
}

async function promptNewPassphrase(context: CommandContext): Promise<Secret> {
  const show = (text: string): void => context.output.prompt(text)
  const first = await promptSecret('New passphrase', show, context.stop)
  try {
    if (first.length === 0) throw new SealpostError('config', 'the passphrase is empty', { code: 'EMPTY_SECRET' })
    const second = await promptSecret('The same again', show, context.stop)
    const same = first.equals(second)
    second.wipe()
    if (!same)
      throw new SealpostError('config', 'the two passphrases differ', { hint: 'try again', code: 'MISTYPED' })
    if (first.length < ADVISED_CHARACTERS) {
      context.output.warn(
        `a passphrase of ${first.length} characters is short; everything in the workspace hangs on it`,
      )
    }
    return first
  } catch (error) {
    first.wipe()
    throw error
  }
}

async function heldByAgent(context: CommandContext): Promise<UnlockedOperator | null> {
  const { operator, passphraseFd, passphraseFile } = context.options
  if (passphraseFd !== null || passphraseFile !== null) return null
  const held = await connectAgent(context.agentSocket)
  if (held === null || operator === null || held.name === operator) return held
  held.wipe()
  return null
}

/** Before the first secret is in memory. */
async function guardMemory(): Promise<void> {
  await (coreFilesForbidden ??= forbidCoreFiles())
  assertNoDebugger()
}

async function readUnattended(context: CommandContext): Promise<Secret | null> {
  const { passphraseFd, passphraseFile } = context.options
  if (passphraseFd !== null && passphraseFile !== null) {
    throw new SealpostError('config', 'both --passphrase-fd and --passphrase-file were given', {
      hint: 'give one',
    })
  }
  if (passphraseFd !== null) return readSecretLine(passphraseFd, 'the passphrase', context.stop)
  if (passphraseFile !== null) return readSecretFile(passphraseFile, 'the passphrase')
  if (canPrompt()) return null
  throw new SealpostError('config', 'the passphrase is needed and there is no terminal to ask on', {
    hint: 'use --passphrase-fd N or --passphrase-file FILE',
    code: 'NO_PASSPHRASE',
  })
}
