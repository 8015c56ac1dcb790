/** The part of a vitest error that is told. */
interface Told {
  readonly message?: string | undefined
  /** Words of a server, where the error is one of ours (src/core/errors.ts). */
  readonly serverText?: unknown
}

/** The part of a vitest module that failures are read from; a test can make one up. */
export interface FailedModule {
  readonly relativeModuleId: string
  state(): string
  errors(): readonly Told[]
  readonly children: {
    allTests(): Iterable<{
      readonly fullName: string
      result(): { readonly state: string; readonly errors?: readonly Told[] | undefined }
    }>
    allSuites(): Iterable<{ readonly fullName: string; errors(): readonly Told[] }>
  }
}

/** How such a line begins; `.ci/run` looks for the first. */
const FAILED = 'failed: '
const AGAIN = 'passed the second time: '
const LONGEST = 300

/**
 * One line for each failure that `countRun` counts: file, test, and the first line of its error, so that the end of a
 * log says what failed. Errors outside of tests have a line of their own. A test that passed only when it was tried again
 * (`--retry`) is named too: it is no failure, and something is wrong with it.
 */
export function nameFailures(modules: readonly FailedModule[], unhandled: readonly Told[]): string[] {
  const lines: string[] = []
  const tell = (where: string, error: Told | undefined): void => {
    lines.push(`${FAILED}${where}: ${firstLine(error)}`)
  }
  for (const module of modules) {
    const file = module.relativeModuleId
    const before = lines.length
    for (const error of module.errors()) tell(file, error)
    for (const suite of module.children.allSuites()) {
      for (const error of suite.errors()) tell(`${file}: ${suite.fullName}`, error)
    }
    for (const test of module.children.allTests()) {
      const { state, errors } = test.result()
      if (state === 'passed' && (errors?.length ?? 0) > 0) {
        lines.push(`${AGAIN}${file}: ${test.fullName}: ${firstLine(errors?.[0])}`)
      } else if (state === 'failed') tell(`${file}: ${test.fullName}`, errors?.[0])
      else if (state !== 'passed' && state !== 'skipped') {
        tell(`${file}: ${test.fullName}`, { message: 'it never ended' })
      }
    }
    if (lines.length === before && module.state() === 'failed') tell(file, undefined)
  }
  for (const error of unhandled) tell('outside of any test', error)
  return lines
}

/** Without colours, which vitest puts into messages; with what a server said, which the message itself leaves out. */
function firstLine(error: Told | undefined): string {
  // eslint-disable-next-line no-control-regex -- the escape sequence is what is looked for
  const plain = (error?.message ?? '').replace(/\u001b\[[0-9;]*m/g, '').trim()
  const [line = ''] = plain.split('\n')
  const said = typeof error?.serverText === 'string' ? ` (server: ${error.serverText})` : ''
  return line === '' ? 'no reason was given' : `${line.slice(0, LONGEST)}${said}`
}
