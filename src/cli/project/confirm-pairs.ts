import type { Ledger } from '../../core/ledger.ts'
import { SealpostError } from '../../core/errors.ts'
import type { ProjectAudit } from '../books/project-audit.ts'
import type { AccountPair } from '../config/mailboxes-csv.ts'
import { pairDoubts, type PairDoubt } from '../config/pair-doubts.ts'
import { formatProblem, ProblemList, type Problem } from '../config/problems.ts'
import type { ProjectConfig } from '../config/project-types.ts'
import type { CommandContext } from '../context.ts'
import { movedBefore } from './moved-before.ts'
import { canPrompt, promptLine } from '../terminal/prompt.ts'

/** What the pairs of a project are confirmed with. */
export interface ConfirmedProject {
  readonly accounts: readonly AccountPair[]
  readonly config: ProjectConfig
  readonly ledger: Pick<Ledger, 'isConfirmed' | 'noteConfirmed' | 'pairs' | 'totals'>
  readonly audit: Pick<ProjectAudit, 'note'>
}

/**
 * Lets nothing begin while pairs look wrong and nobody has said that they are meant: by `given`, or typed on the terminal. What
 * is confirmed stays so, and is written into the audit log. Throws `policy`, naming all that is open, and `config` for a
 * confirmation of nothing that is in doubt.
 */
export async function confirmPairs(
  project: ConfirmedProject,
  given: readonly string[],
  context: CommandContext,
): Promise<void> {
  const listed = pairDoubts(project.accounts, project.config)
  const before = movedBefore(project.accounts, project.ledger)
  const doubts = [...listed, ...before.filter(({ id }) => listed.every((doubt) => doubt.id !== id))]
  const stray = given.find((id) => doubts.every((doubt) => doubt.id !== id))
  if (stray !== undefined) {
    throw new SealpostError('config', `--confirm ${stray}: there is nothing of that name to confirm`, {
      hint: 'sealpost plan says what is to be confirmed, and how; another list of accounts is another name',
      code: 'NOTHING_TO_CONFIRM',
    })
  }
  const open = doubts.filter(({ id }) => !given.includes(id) && !project.ledger.isConfirmed(id))
  const typed = open.length > 0 && canPrompt() ? await askFor(open, context) : new Set<string>()
  const left = open.filter(({ id }) => !typed.has(id))
  if (left.length > 0) throw refusal(left, project.config.mailboxes)
  const now = doubts.filter(({ id }) => !project.ledger.isConfirmed(id))
  if (now.length === 0) return
  for (const { id } of now) project.ledger.noteConfirmed(id, context.clock.now())
  await project.audit.note('pairs-confirmed', { facts: { count: now.length, typed: typed.size > 0 } })
}

async function askFor(doubts: readonly PairDoubt[], { output, stop }: CommandContext): Promise<Set<string>> {
  const typed = new Set<string>()
  for (const { id, text } of doubts) {
    output.warn(text)
    const answer = await promptLine(`If that is meant, type ${id}`, (line) => output.prompt(line), stop)
    // The first one that is not meant ends it: mailboxes.csv is to be corrected.
    if (answer.trim() !== id) return typed
    typed.add(id)
  }
  return typed
}

function refusal(doubts: readonly PairDoubt[], file: string): SealpostError {
  const problems = doubts.map(({ id, text, line }): Problem => {
    return { file, line, column: null, message: text, hint: `correct it, or confirm it: --confirm '${id}'` }
  })
  const [first] = problems
  const isOne = problems.length === 1 && first !== undefined
  return new SealpostError(
    'policy',
    isOne
      ? formatProblem(first)
      : `${file}: ${problems.length} pairs of accounts may be wrong, and nothing was begun`,
    {
      hint: isOne && first.hint !== null ? first.hint : 'correct them, or confirm each that is meant',
      code: 'PAIRS_IN_DOUBT',
      cause: new ProblemList(problems),
    },
  )
}
