import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { isAbsolute, join, relative } from 'node:path'
import { codeOf, fileError } from '../../../vault/files.ts'
import { SealpostError } from '../../core/errors.ts'
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

/**
 * Reads a file that belongs to a project or that one names, whole. Throws `config` for what is no plain file, and with the
 * system's code where it cannot be read; `what` is being done, in words.
 */
export async function readPlainFile(path: string, what = 'read'): Promise<Buffer> {
  let file: FileHandle | undefined
  try {
    // Without O_NONBLOCK a pipe in the file's place would hang the process here.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = await file.stat()
    if (!stats.isFile() && !stats.isDirectory()) throw new SealpostError('config', `${path} is not a plain file`)
    return await file.readFile()
  } catch (error) {
    throw fileError(error, what, path)
  } finally {
    await file?.close()
  }
}

async function readOrExplain(path: string, problems: Problem[]): Promise<Buffer | null> {
  try {
    return await readPlainFile(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    problems.push({ file: shownPath(path), line: null, column: null, message: 'the file is missing', hint: null })
    return null
  }
}
