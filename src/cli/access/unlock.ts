import { SealpostError } from '../../core/errors.ts'
import { connectAgent } from '../../../vault/agent-client.ts'
import { unlockOperator, type UnlockedOperator } from '../../../vault/operator.ts'
import type { Secret } from '../../../vault/secret.ts'
import type { CommandContext } from '../context.ts'
import { forbidCoreFiles } from '../core-limit.ts'
import { assertNoDebugger } from '../guards.ts'
import { readSecretFile, readSecretLine } from './secret-input.ts'
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
  const passphrase = await readPassphrase(context)
  try {
    return await unlockOperator(context.home, {
      operator: context.options.operator,
      systemUser: context.systemUser,
      passphrase,
    })
  } finally {
    passphrase.wipe()
  }
}

/** The passphrase of an operator who exists: from a descriptor, a file or the terminal. The caller wipes it. */
export async function readPassphrase(context: CommandContext): Promise<Secret> {
  await guardMemory()
  const unattended = await readUnattended(context)
  if (unattended !== null) return unattended
  return promptSecret('Passphrase', (text) => context.output.prompt(text), context.stop)
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
