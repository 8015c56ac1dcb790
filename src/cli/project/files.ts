import { isAbsolute, join, relative } from 'node:path'
import { codeOf } from '../../core/system-faults.ts'
import { readTrustedFile } from '../../files/plain-files.ts'
import { readAccounts, type AccountPair } from '../config/mailboxes-csv.ts'
import { pairProblems } from '../config/pair-checks.ts'
import { problemsError, type Problem } from '../config/problems.ts'
import { readProjectConfig } from '../config/project-config.ts'
import type { ProjectConfig } from '../config/project-types.ts'

/** What the two files that a person writes say. */
export interface ProjectFiles {
  readonly config: ProjectConfig
  readonly accounts: readonly AccountPair[]
}

/**
 * Reads project.yaml and the list of accounts and checks both in one pass. Throws one `config` error that names all
 * that is wrong in either, with file and line.
 */
export async function readProjectFiles(folder: string): Promise<ProjectFiles> {
  const problems: Problem[] = []
  const yamlPath = join(folder, 'project.yaml')
  const yaml = await readOrExplain(yamlPath, problems)
  if (yaml === null) throw problemsError(problems)
  const reading = await readProjectConfig(shownPath(yamlPath), yaml.toString('utf8'))
  problems.push(...reading.problems)
  const csvPath = isAbsolute(reading.mailboxes) ? reading.mailboxes : join(folder, reading.mailboxes)
  const csv = await readOrExplain(csvPath, problems)
  const accounts = csv === null ? null : readAccounts(shownPath(csvPath), csv)
  if (accounts !== null) {
    const between = pairProblems(shownPath(csvPath), accounts.pairs, reading.config, folder)
    problems.push(...[...accounts.problems, ...between].sort((a, b) => (a.line ?? 0) - (b.line ?? 0)))
  }
  if (problems.length > 0 || reading.config === null || accounts === null) throw problemsError(problems)
  return { config: reading.config, accounts: accounts.pairs }
}

/** A path as messages show it: relative to the current folder where it lies below it. */
export function shownPath(path: string): string {
  const short = relative(process.cwd(), path)
  return short === '' || short.startsWith('..') || isAbsolute(short) ? path : short
}

async function readOrExplain(path: string, problems: Problem[]): Promise<Buffer | null> {
  try {
    return await readTrustedFile(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    problems.push({ file: shownPath(path), line: null, column: null, message: 'the file is missing', hint: null })
    return null
  }
}
