import { join } from 'node:path'
import { SealpostError } from '../../core/errors.ts'
import { writePrivateFile } from '../../files/durable.ts'
import { readPrivateFile } from '../../files/private-files.ts'
import type { Period } from '../../records/calendar.ts'
import {
  DEFAULT_RETENTION,
  makePolicy,
  type RetentionClass,
  type RetentionPolicy,
  type RetentionRule,
} from '../../records/retention.ts'
import { problemsError, type Problem } from './problems.ts'
import { readYaml, type YamlSource } from './yaml-source.ts'

/** What the workspace's config.yaml says; nothing in it is secret. */
export interface WorkspaceConfig {
  /** The table of periods that is in force: the defaults with what the file changes. */
  readonly retention: RetentionPolicy
}

const MAX_CONFIG_BYTES = 1024 * 1024
const CLASSES = Object.keys(DEFAULT_RETENTION) as readonly RetentionClass[]
const PERIOD = /^(?:(\d{1,3}) ?y(?:ears?)?)? ?(?:(\d{1,4}) ?m(?:onths?)?)? ?(?:(\d{1,5}) ?d(?:ays?)?)?$/i

/** Where the configuration of a workspace lies. */
export function workspaceConfigPath(home: string): string {
  return join(home, 'config.yaml')
}

/**
 * Reads the configuration; without a file the defaults are in force. Throws one `config` error that names all that is
 * wrong, with file and line; `policy` when the file is open to other users.
 */
export async function readWorkspaceConfig(home: string): Promise<WorkspaceConfig> {
  const path = workspaceConfigPath(home)
  const bytes = await readPrivateFile(path, MAX_CONFIG_BYTES)
  if (bytes === null) return { retention: DEFAULT_RETENTION }
  const { config, problems } = await parseWorkspaceConfig(path, bytes.toString('utf8'))
  if (config === null) throw problemsError(problems)
  return config
}

/** The text of a configuration, checked in one pass; `file` is its name in messages. Never throws for its content. */
export async function parseWorkspaceConfig(
  file: string,
  content: string,
): Promise<{ readonly config: WorkspaceConfig | null; readonly problems: readonly Problem[] }> {
  const source = readYaml(file, content)
  if (source.problems.length > 0) return { config: null, problems: source.problems }
  if (source.data === null) return { config: { retention: DEFAULT_RETENTION }, problems: [] }
  // Imported where they are used: they take longer to load than all the rest.
  const { explainIssue } = await import('./explain-issue.ts')
  const { workspaceSchema } = await import('./workspace-schema.ts')
  const parsed = workspaceSchema.safeParse(source.data)
  if (!parsed.success) {
    return {
      config: null,
      problems: parsed.error.issues.flatMap((issue) => explainIssue(issue, source, knownKeys)),
    }
  }
  return toConfig(parsed.data.retention ?? {}, source)
}

/** Writes the table with its defaults, for people to change. Not to be called over a file that is there. */
export async function writeWorkspaceConfig(home: string): Promise<void> {
  await writePrivateFile(workspaceConfigPath(home), Buffer.from(workspaceTemplate(), 'utf8'))
}

/** A period as the file says it: `5 years 6 months`. */
export function formatPeriod({ years, months, days }: Period): string {
  const parts: readonly (readonly [number, string])[] = [
    [years, 'year'],
    [months, 'month'],
    [days, 'day'],
  ]
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}${count === 1 ? '' : 's'}`)
    .join(' ')
}

/** How long a class is kept, as the file says it. */
export function formatKeep(keep: RetentionRule['keep']): string {
  return typeof keep === 'string' ? keep : formatPeriod(keep)
}

interface RawRule {
  readonly keep?: string | undefined
  readonly legal_basis?: string | null | undefined
}

function toConfig(
  raw: Readonly<Partial<Record<RetentionClass, RawRule | undefined>>>,
  source: YamlSource,
): { readonly config: WorkspaceConfig | null; readonly problems: readonly Problem[] } {
  const problems: Problem[] = []
  let retention = DEFAULT_RETENTION
  for (const name of CLASSES) {
    const given = raw[name]
    if (given === undefined) continue
    const before = retention[name]
    const keep = given.keep === undefined ? before.keep : parseKeep(given.keep)
    if (keep === null) {
      const message = `"${given.keep ?? ''}" is not a period`
      problems.push(source.at(['retention', name, 'keep'], message, 'such as 5 years, 18 months or 90 days'))
      continue
    }
    const legalBasis = given.legal_basis === undefined ? before.legalBasis : given.legal_basis
    try {
      retention = makePolicy({ ...retention, [name]: { keep, legalBasis } })
    } catch (error) {
      if (!(error instanceof SealpostError)) throw error
      problems.push(source.at(['retention', name], error.message))
    }
  }
  return problems.length > 0 ? { config: null, problems } : { config: { retention }, problems: [] }
}

function parseKeep(text: string): RetentionRule['keep'] | null {
  if (text === 'with-record' || text === 'at-signoff') return text
  const [, years, months, days] = PERIOD.exec(text) ?? []
  const period = { years: Number(years ?? 0), months: Number(months ?? 0), days: Number(days ?? 0) }
  return period.years + period.months + period.days > 0 ? period : null
}

function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return ['version', 'retention']
  return path.length === 1 ? CLASSES : ['keep', 'legal_basis']
}

function workspaceTemplate(): string {
  const about: Readonly<Record<RetentionClass, string>> = {
    record: 'record of a project after its sign-off: client, dates, counts, certificate; no content',
    contact: 'persons at the client’s whom a record names',
    incident: 'incidents and their notices, from their closing',
    log: 'entries of the audit log; they go with the record of their project',
    credentials: 'what opens the accounts; destroyed at sign-off, which cannot be changed',
    mail: 'copies of messages; destroyed at sign-off, which cannot be changed',
  }
  const rows = CLASSES.flatMap((name) => {
    const { keep, legalBasis } = DEFAULT_RETENTION[name]
    const basis = legalBasis === null ? [] : [`    legal_basis: "${legalBasis}"`]
    return [`  # ${about[name]}`, `  ${name}:`, `    keep: ${formatKeep(keep)}`, ...basis]
  })
  return [
    '# Settings of this workspace. Nothing secret belongs in here.',
    'version: 1',
    '',
    '# How long each kind of data is kept: a period (5 years, 18 months, 90 days), with-record or at-signoff. Where there is',
    '# a legal_basis, a request for erasure gives way until the period is over. It counts for what is written from now on.',
    'retention:',
    ...rows,
    '',
  ].join('\n')
}
