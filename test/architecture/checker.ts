import { isBuiltin } from 'node:module'
import { dirname, posix } from 'node:path'
import { readFacts, type Facts, type Sighting } from './facts.ts'
import {
  AREAS,
  CLOCK,
  COMPOSITION_ROOT,
  MAX_LINES,
  PACKAGE_HOMES,
  PRAGMA_HOME,
  PURE_BUILTINS,
  SQL_HOMES,
  type Area,
} from './rules.ts'

/** One source file, its path relative to the repository with `/`. */
export interface Source {
  readonly path: string
  readonly text: string
}

/**
 * Everything that breaks the rules of docs/design.md section 3, one line each: `path:line: what`.
 * `decisions` is the text of docs/decisions, where a long file may have its reason.
 */
export function check(sources: readonly Source[], decisions: string): string[] {
  const broken: string[] = []
  const writers = new Map<string, Sighting>()
  for (const { path, text } of sources) {
    const facts = readFacts(path, text)
    const add = (line: number, what: string): void => {
      broken.push(`${path}:${line}: ${what}`)
    }
    checkFile(path, facts, decisions, add)
    checkImports(path, facts, add)
    const [write] = facts.writes
    if (write !== undefined) writers.set(path, write)
  }
  return [...broken, ...checkWriters(writers)]
}

type Add = (line: number, what: string) => void

function checkFile(path: string, facts: Facts, decisions: string, add: Add): void {
  if (areaOf(path) === null) add(1, 'lies in no folder of the table')
  if (!/^[a-z0-9]+(-[a-z0-9]+)*\.ts$/.test(posix.basename(path))) add(1, 'file name is not kebab-case')
  if (posix.basename(path) === 'index.ts') add(1, 'index.ts (a barrel)')
  if (facts.lines > MAX_LINES && !decisions.includes(path)) {
    add(facts.lines, `more than ${MAX_LINES} lines without a reason in docs/decisions`)
  }
  for (const { what, line } of facts.unwanted) add(line, what)
  for (const { what, line } of facts.undocumented) add(line, `export ${what} has no doc comment`)
  if (path !== CLOCK) for (const { what, line } of facts.times) add(line, `${what} outside of ${CLOCK}`)
  if (!isWithin(path, COMPOSITION_ROOT)) {
    for (const { what, line } of facts.surroundings) add(line, `${what} outside of ${COMPOSITION_ROOT}`)
  }
  if (SQL_HOMES.some((home) => isWithin(path, home))) return
  for (const { what, line } of facts.sql) {
    if (isWithin(path, PRAGMA_HOME) && ['PRAGMA', 'VACUUM'].includes(what)) continue
    add(line, `SQL (${what}) outside of ${SQL_HOMES.join(' and ')}`)
  }
}

function checkImports(path: string, facts: Facts, add: Add): void {
  for (const { what: specifier, line } of facts.imports) {
    if (specifier.startsWith('.')) checkRelative(path, specifier, line, add)
    else if (isBuiltin(specifier)) checkBuiltin(path, specifier, line, add)
    else checkPackage(path, specifier, line, add)
  }
}

function checkRelative(path: string, specifier: string, line: number, add: Add): void {
  if (!specifier.endsWith('.ts')) add(line, `${specifier} does not end in .ts`)
  const target = posix.normalize(posix.join(dirname(path), specifier))
  const area = areaOf(path)
  if (area === null) return
  const allowed = [area.folder, ...area.mayImport]
  if (!allowed.some((folder) => isWithin(target, folder))) add(line, `${area.folder} may not import ${target}`)
}

function checkBuiltin(path: string, specifier: string, line: number, add: Add): void {
  if (!specifier.startsWith('node:')) add(line, `${specifier} without node:`)
  if (isWithin(path, 'src/core') && !PURE_BUILTINS.includes(specifier))
    add(line, `src/core may not use ${specifier}`)
}

function checkPackage(path: string, specifier: string, line: number, add: Add): void {
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  const home = PACKAGE_HOMES.get(name)
  if (home === undefined) add(line, `${name} has no home in the table`)
  else if (!isWithin(path, home)) add(line, `${name} is imported outside of ${home}`)
}

/** Exactly one place writes to stdout and stderr (invariant 9). */
function checkWriters(writers: ReadonlyMap<string, Sighting>): string[] {
  const outside = [...writers].filter(([path]) => !isWithin(path, COMPOSITION_ROOT))
  const broken = outside.map(([path, { what, line }]) => `${path}:${line}: ${what} outside of ${COMPOSITION_ROOT}`)
  if (writers.size > 1) broken.push(`more than one file writes to the terminal: ${[...writers.keys()].join(' ')}`)
  return broken
}

function areaOf(path: string): Area | null {
  return AREAS.find(({ folder }) => isWithin(path, folder)) ?? null
}

function isWithin(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`)
}
