import type { AuditEvent } from '../../core/audit.ts'
import { SealpostError } from '../../core/errors.ts'
import type { GuessWatch } from '../../../vault/attempts.ts'
import type { UnlockedOperator } from '../../../vault/operator.ts'
import type { WorkspaceBooks } from '../books/open-books.ts'
import type { CommandContext } from '../context.ts'
import { canPrompt, promptSecret } from '../terminal/prompt.ts'
import { isAllowed, RIGHTS } from './rights.ts'
import { readSecretLine } from './secret-input.ts'
import { waitingText } from './guess-texts.ts'
import { guessWatch } from './watch-guesses.ts'

/** Where a code comes from, when nobody is asked. */
export interface CodeSource {
  readonly descriptor: number | null
  /** The option that names it, for hints. */
  readonly option: string
}

/**
 * Asks the operator for a code where the action takes one and the operator has enrolled TOTP. Returns the books in which
 * the actor has shown it, which the log then says of every entry. Who may not do it at all is not asked: `authorize` says
 * so. Throws `locked` for a wrong or used code, which is logged, and `corrupt` where what was enrolled is gone.
 */
export async function proveFactor(
  context: CommandContext,
  operator: UnlockedOperator,
  books: WorkspaceBooks,
  action: string,
  source: CodeSource,
): Promise<WorkspaceBooks> {
  const { actor } = books
  if (RIGHTS.get(action)?.factor !== true || !isAllowed(actor.role, action)) return books
  const { acceptTotp, hasTotp } = await import('../../../vault/totp.ts')
  if (!(await hasTotp(context.home, operator.name))) {
    await assertNeverEnrolled(books, operator.name, context.stop)
    return books
  }
  await acceptTotp(
    context.home,
    operator,
    () => readCode(context, operator.name, source),
    watchCodes(context, books),
  )
  return { ...books, actor: { ...actor, factor: actor.factor === 'key-file' ? 'key-file+totp' : 'totp' } }
}

/** Tells the log of wrong codes, and the operator of delays. */
export function watchCodes({ clock, stop, output }: CommandContext, books: WorkspaceBooks): GuessWatch {
  return guessWatch(
    {
      clock,
      signal: stop,
      waiting: (ms) => output.warn(waitingText(ms, 'codes')),
      warn: (text) => output.warn(text),
    },
    async (_, wrong) => {
      const nothing = { project: null, object: null, personal: {} }
      const event: AuditEvent = {
        ...nothing,
        by: books.actor,
        action: 'second-factor-failed',
        outcome: 'failed',
        facts: { wrong },
      }
      await books.log.append(event, stop)
    },
  )
}

/** A code from a descriptor, or asked for. Throws `config` where there is neither. */
export async function readCode(
  { output, stop }: CommandContext,
  operator: string,
  { descriptor, option }: CodeSource,
): Promise<string> {
  if (descriptor === null && !canPrompt()) {
    throw new SealpostError('config', `a code of ${operator} is needed and there is no terminal to ask on`, {
      hint: `use ${option} N`,
      code: 'NO_CODE',
    })
  }
  const code =
    descriptor === null
      ? await promptSecret(`Code of ${operator}`, (text) => output.prompt(text), stop)
      : await readSecretLine(descriptor, `the code of ${operator}`, stop)
  try {
    return code.text()
  } finally {
    code.wipe()
  }
}

/** Removing the file is no way to be asked for nothing: the log knows that it was there. Throws `corrupt`. */
export async function assertNeverEnrolled(
  books: WorkspaceBooks,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  let enrolled = false
  for await (const { entry } of books.log.entries(signal)) {
    if (entry?.object !== name) continue
    if (entry.action === 'second-factor-enrolled') enrolled = true
    if (entry.action === 'second-factor-removed') enrolled = false
  }
  if (!enrolled) return
  throw new SealpostError('corrupt', `${name} has enrolled TOTP, and the file in the keystore is gone`, {
    hint: `a lead writes the removal down with "sealpost operator totp reset ${name}"`,
    code: 'FACTOR_GONE',
  })
}
