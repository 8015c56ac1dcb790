import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Command } from 'commander'
import { counted } from '../../core/counted.ts'
import { isKind, throwIfAborted, toSealpostError, type SealpostError } from '../../core/errors.ts'
import type { ProbeFinding } from '../../core/probe.ts'
import type { CommandContext, Start } from '../context.ts'
import type { EndCheck } from '../doctor/check-end.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { accountOption, waveOption } from '../options.ts'
import { failureCode } from '../outcome.ts'
import type { Side } from '../project/account-login.ts'
import { findProject, type ProjectFolder } from '../project/folder.ts'
import { errorDocument, failureText, type Colour, type Output } from '../terminal/output.ts'

interface DoctorOptions {
  readonly mailbox?: readonly string[]
  readonly wave?: readonly string[]
  readonly write?: boolean
  readonly workstation?: boolean
}

/** One part of what is shown. */
interface Section {
  readonly title: string
  readonly findings: readonly ProbeFinding[]
  readonly error: SealpostError | null
}

const SIGNS: Readonly<Record<ProbeFinding['state'], { readonly sign: string; readonly colour: Colour }>> = {
  good: { sign: 'ok', colour: 'green' },
  adverse: { sign: '!!', colour: 'red' },
  unknown: { sign: '??', colour: 'yellow' },
}

/** `doctor`: looks at the workstation and, in a project, at both of its ends. */
export function addDoctor(program: Command, start: Start): void {
  program
    .command('doctor')
    .description('look at this workstation and at both ends of the project; says what to do about each finding')
    .option('--workstation', 'only the workstation; needs no passphrase')
    .option('--write', 'store a few test messages in a mailbox of its own at the destination and read them back')
    .addOption(accountOption())
    .addOption(waveOption())
    .action((options: DoctorOptions) => start((context) => doctor(options, context)))
}

async function doctor(options: DoctorOptions, context: CommandContext): Promise<ExitCode> {
  const { output } = context
  const folder = await projectAt(context)
  const workstation = await checkWorkstation(folder, context)
  show({ title: 'Workstation', findings: workstation, error: null }, output)
  let project: SealpostError | null = null
  let ends: readonly EndCheck[] = []
  if (folder !== null && options.workstation !== true) {
    try {
      ends = await checkEnds(options, context)
    } catch (error) {
      throwIfAborted(context.stop)
      if (isKind(error, 'locked', 'bug') || !isKind(error)) throw error
      project = toSealpostError(error, 'the project')
      show({ title: 'Project', findings: [], error: project }, output)
    }
  }
  const findings = [workstation, ...ends.map((end) => end.findings)].flat()
  const adverse = count(findings, 'adverse')
  const unknown = count(findings, 'unknown')
  const errors = [project, ...ends.map(({ error }) => error)].filter((error) => error !== null)
  const code = failureCode(errors) ?? (adverse > 0 ? EXIT.exceptions : EXIT.complete)
  output.line(
    output.paint(
      code === EXIT.complete ? 'green' : 'yellow',
      `${counted(findings.length, 'finding')}: ${adverse} to see to, ${unknown} that could not be found out${errors.length === 0 ? '' : `; ${counted(errors.length, 'check')} failed`}`,
    ),
  )
  output.document({
    workstation,
    project: project === null ? null : errorDocument(project),
    ends: ends.map(({ side, account, findings: found, error }) => ({
      side,
      account,
      findings: found,
      error: error === null ? null : errorDocument(error),
    })),
    adverse,
    unknown,
  })
  return code
}

async function checkWorkstation(
  folder: ProjectFolder | null,
  context: CommandContext,
): Promise<readonly ProbeFinding[]> {
  const { inspectFor } = await import('../workstation.ts')
  const { withAdvice } = await import('../../signoff/workstation-advice.ts')
  const { checkPrograms } = await import('../doctor/programs.ts')
  const { forbidCoreFiles } = await import('../core-limit.ts')
  const { runsOnPackedNode } = await import('../version.ts')
  const { keystoreFolder, slotFolder } = await import('../../../vault/paths.ts')
  // As it stands while keys are open.
  await forbidCoreFiles()
  const { findings } = await inspectFor(context, {
    slotFolder: existing(slotFolder(keystoreFolder(context.home))),
    folder: folder?.path ?? null,
    state: folder?.state ?? null,
  })
  const advised = findings.map((finding) => withAdvice(finding, runsOnPackedNode()))
  return [...advised, ...(await checkPrograms(process.env['PATH'] ?? ''))]
}

async function checkEnds(options: DoctorOptions, context: CommandContext): Promise<readonly EndCheck[]> {
  const { noteCredentialUse, openProject } = await import('../project/open-project.ts')
  const { chooseAccounts } = await import('../project/choose-accounts.ts')
  const { checkEnd } = await import('../doctor/check-end.ts')
  const { LoginGate } = await import('../../core/login-gate.ts')
  const project = await openProject(context)
  try {
    const named = options.mailbox ?? []
    const chosen = chooseAccounts(project.accounts, options)
    const gate = new LoginGate(context.clock)
    const checks: EndCheck[] = []
    const pairs = named.length === 0 ? chosen.slice(0, 1) : chosen
    await noteCredentialUse(project, pairs, 'doctor')
    for (const pair of pairs) {
      for (const side of ['source', 'destination'] satisfies readonly Side[]) {
        const tools = { connector: project[side], gate, clock: context.clock, write: options.write === true }
        const check = await checkEnd(side, pair[side], tools, context.stop)
        const title = `${side === 'source' ? 'Source' : 'Destination'}: ${check.account}`
        show({ title, findings: check.findings, error: check.error }, context.output)
        checks.push(check)
        project.log.event({
          event: 'end-checked',
          end: side,
          adverse: count(check.findings, 'adverse'),
          unknown: count(check.findings, 'unknown'),
          kind: check.error?.kind ?? null,
        })
      }
    }
    return checks
  } finally {
    await project.close()
  }
}

function show({ title, findings, error }: Section, output: Output): void {
  output.line(output.paint('bold', title))
  for (const { code, state, text, hint } of findings) {
    const { sign, colour } = SIGNS[state]
    output.line(`  ${output.paint(colour, sign)}  ${code.padEnd(20)} ${text}`)
    if (hint !== null) output.line(`${' '.repeat(27)}${hint}`)
  }
  if (error !== null) output.line(`  ${output.paint('red', '!!')}  ${'failed'.padEnd(20)} ${failureText(error)}`)
  output.line()
}

function count(findings: readonly ProbeFinding[], state: ProbeFinding['state']): number {
  return findings.filter((finding) => finding.state === state).length
}

/** The project that is meant; null where none was named and none is here. */
async function projectAt({ options }: CommandContext): Promise<ProjectFolder | null> {
  try {
    return await findProject(options.project)
  } catch (error) {
    if (options.project === '.' && isKind(error) && error.code === 'NO_PROJECT') return null
    throw error
  }
}

/** The folder, or the nearest one above it that is there: before the first `init` there is no workspace. */
function existing(folder: string): string {
  let found = folder
  while (!existsSync(found) && dirname(found) !== found) found = dirname(found)
  return found
}
