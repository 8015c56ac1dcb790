import { SealpostError } from '../../core/errors.ts'

/** One thing wrong in a file that a person wrote. Lines and columns count from 1; null where there is no one place. */
export interface Problem {
  readonly file: string
  readonly line: number | null
  readonly column: number | null
  /** One clause, no full stop, no secret. */
  readonly message: string
  /** What to do about it, when it is not plain from the message. */
  readonly hint: string | null
}

/** What is wrong, all of it: the cause of the error that `problemsError` makes. */
export class ProblemList {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    this.problems = problems
  }
}

/** One error that carries all the problems found in one pass; with a single one, the error is that problem. */
export function problemsError(problems: readonly Problem[]): SealpostError {
  const [first] = problems
  if (first === undefined) return new SealpostError('bug', 'an error without a problem')
  const cause = new ProblemList(problems)
  if (problems.length === 1) {
    const hint = first.hint ?? 'correct it and try again'
    return new SealpostError('config', formatProblem(first), { hint, code: 'INVALID_FILE', cause })
  }
  const files = [...new Set(problems.map((problem) => problem.file))].join(' and ')
  return new SealpostError('config', `${files}: ${problems.length} problems`, {
    hint: 'correct them and try again',
    code: 'INVALID_FILE',
    cause,
  })
}

/** The problems that an error carries; none for other errors. */
export function problemsOf(error: SealpostError): readonly Problem[] {
  return error.cause instanceof ProblemList ? error.cause.problems : []
}

/** `file:line:column: message`, as compilers write it, so that editors can jump there. */
export function formatProblem(problem: Problem): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== null).join(':')
  return `${place}: ${problem.message}`
}
