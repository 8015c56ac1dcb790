import { SealpostError } from '../../core/errors.ts'
import type { Signer } from '../../../vault/ed25519.ts'
import { openCertificateSigner, readTrustedList, type UnlockedOperator } from '../../../vault/operator.ts'
import { wipe, type Secret } from '../../../vault/secret.ts'
import type { CommandContext } from '../context.ts'
import { readKeyFileOf } from '../access/key-file.ts'
import { readSecretLine } from '../access/secret-input.ts'
import { canPrompt, promptSecret } from '../terminal/prompt.ts'
import { openOperator, unlock } from '../access/unlock.ts'

/** Who signs, asked for on the command line. */
export interface PeopleOptions {
  readonly second: string | null
  readonly secondPassphraseFd: number | null
  readonly secondKeyFile: string | null
}

/** The persons of a sign-off, with their keys open. */
export interface SigningPeople {
  readonly operator: UnlockedOperator
  readonly second: UnlockedOperator | null
  /** The certificate key, which a lead among them opened. */
  readonly certificate: Signer
  /** How many operators of the workspace could sign. */
  readonly couldSign: number
  /** Wipes every key. Twice is safe. */
  close(): void
}

/**
 * Opens the keys of the operator and of the second person. Throws `policy` when neither is a lead, who alone can open the
 * certificate key, and when both are the same; `locked` for a wrong passphrase.
 */
export async function gatherPeople(context: CommandContext, options: PeopleOptions): Promise<SigningPeople> {
  const operator = await unlock(context)
  let second: UnlockedOperator | null = null
  try {
    const { operators } = await readTrustedList(context.home, operator)
    const couldSign = operators.filter(({ role }) => role !== 'auditor').length
    if (options.second !== null) second = await unlockSecond(context, options.second, options, operator)
    const lead = [operator, second].find((person) => person?.role === 'lead')
    if (lead === undefined || lead === null) {
      throw new SealpostError('policy', 'only a lead can sign a deletion certificate', {
        hint: 'name one with --operator or --second',
        code: 'NOT_LEAD',
      })
    }
    const certificate = await openCertificateSigner(context.home, lead)
    const close = (): void => {
      certificate.wipe()
      operator.wipe()
      second?.wipe()
    }
    return { operator, second, certificate, couldSign, close }
  } catch (error) {
    operator.wipe()
    second?.wipe()
    throw error
  }
}

async function unlockSecond(
  context: CommandContext,
  name: string,
  options: PeopleOptions,
  operator: UnlockedOperator,
): Promise<UnlockedOperator> {
  if (name === operator.name) {
    throw new SealpostError(
      'policy',
      `--second ${name}: the second person must be another one than the operator`,
      {
        code: 'SAME_PERSON',
      },
    )
  }
  const who = { operator: name, systemUser: context.systemUser }
  const keyFile = await readKeyFileOf(context, who, options.secondKeyFile, '--second-key-file')
  try {
    const passphrase = await readSecondPassphrase(context, name, options.secondPassphraseFd)
    try {
      return await openOperator(context, name, { passphrase, keyFile })
    } finally {
      passphrase.wipe()
    }
  } finally {
    wipe(keyFile)
  }
}

async function readSecondPassphrase(
  context: CommandContext,
  name: string,
  descriptor: number | null,
): Promise<Secret> {
  if (descriptor !== null) return readSecretLine(descriptor, `the passphrase of ${name}`, context.stop)
  if (canPrompt())
    return promptSecret(`Passphrase of ${name}`, (text) => context.output.prompt(text), context.stop)
  throw new SealpostError('config', `the passphrase of ${name} is needed and there is no terminal to ask on`, {
    hint: 'use --second-passphrase-fd N',
    code: 'NO_PASSPHRASE',
  })
}
