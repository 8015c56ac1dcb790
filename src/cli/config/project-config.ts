import { withPresets } from './apply-presets.ts'
import { MICROSOFT_CLOUDS } from '../../../connectors/presets/exchange-online.ts'
import { crossChecks } from './cross-checks.ts'
import { DEFAULT_LIMITS, DEFAULT_MAPPING, NO_FILTERS } from '../../engine/settings.ts'
import type { Problem } from './problems.ts'
import type { EndConfig, ImapEnd, ProjectConfig, ProjectLimits, SignIn, TokenSource } from './project-types.ts'
import type { RawEnd, RawProject } from './schema.ts'
import { readYaml, valueAt, type YamlSource } from './yaml-source.ts'

const DEFAULT_MAILBOXES = 'mailboxes.csv'
const DEFAULT_DEAD_AFTER_MS = 120_000
const DEFAULT_SPOOL_THRESHOLD_BYTES = 16 * 1024 * 1024
const KNOWN_VERSIONS = [1]

/** What came of reading project.yaml. */
export interface ProjectReading {
  /** Null when there are problems. */
  readonly config: ProjectConfig | null
  readonly problems: readonly Problem[]
  /** Where the accounts are listed; known as well when other things are wrong. */
  readonly mailboxes: string
  readonly source: YamlSource
}

/** Reads project.yaml and checks all of it in one pass; `file` is its name in messages. Never throws for its content. */
export async function readProjectConfig(file: string, content: string): Promise<ProjectReading> {
  const source = readYaml(file, content)
  const mailboxes = mailboxesOf(source.data)
  if (source.problems.length > 0) return { config: null, problems: source.problems, mailboxes, source }
  if (source.data === null) {
    return { config: null, problems: [source.at([], 'the file is empty')], mailboxes, source }
  }
  const version = newerVersion(source)
  if (version !== null) return { config: null, problems: [version], mailboxes, source }
  // Imported where it is used: it takes longer to load than all the rest.
  const { projectSchema } = await import('./schema.ts')
  const { explainIssue } = await import('./explain-issue.ts')
  const data = withPresets(source.data)
  const parsed = projectSchema.safeParse(data)
  const issues = parsed.success ? [] : parsed.error.issues.flatMap((issue) => explainIssue(issue, source))
  const problems = [...issues, ...crossChecks({ ...source, data })].sort(byPlace)
  const config = parsed.success && problems.length === 0 ? toConfig(parsed.data) : null
  return { config, problems, mailboxes, source }
}

/** A file of a later version would only yield a wall of unknown keys. */
function newerVersion(source: YamlSource): Problem | null {
  const version = valueAt(source.data, ['version'])
  if (typeof version !== 'number' || version <= 1 || KNOWN_VERSIONS.includes(version)) return null
  return source.at(['version'], `version ${version} of this file is newer than this program`, 'update sealpost')
}

function toConfig(raw: RawProject): ProjectConfig {
  return {
    client: raw.client,
    source: toEnd(raw.source),
    destination: toEnd(raw.destination),
    mailboxes: raw.mailboxes ?? DEFAULT_MAILBOXES,
    mapping: {
      rules: raw.mapping?.rules ?? DEFAULT_MAPPING.rules,
      include: raw.mapping?.include ?? DEFAULT_MAPPING.include,
      exclude: raw.mapping?.exclude ?? DEFAULT_MAPPING.exclude,
      specialUse: raw.mapping?.special_use ?? DEFAULT_MAPPING.specialUse,
      labels: raw.mapping?.labels ?? DEFAULT_MAPPING.labels,
    },
    filters: {
      after: raw.filters?.after ?? NO_FILTERS.after,
      before: raw.filters?.before ?? NO_FILTERS.before,
      maxBytes: raw.filters?.max_bytes ?? NO_FILTERS.maxBytes,
      skipDeleted: raw.filters?.skip_deleted ?? NO_FILTERS.skipDeleted,
    },
    limits: toLimits(raw),
  }
}

function toEnd(raw: RawEnd): EndConfig {
  if (raw.kind === 'maildir') return { kind: 'maildir', path: raw.path }
  if (raw.kind === 'mbox') return { kind: 'mbox', path: raw.path, quoting: raw.quoting ?? 'mboxrd' }
  if (raw.kind === 'gmail') {
    const { auth, endpoint, ca, write, units_per_minute, costs, directory } = raw
    return {
      kind: 'gmail',
      auth: { credential: auth.credential, tokens: { provider: 'google', ...toSignIn(auth) } },
      endpoint: endpoint ?? null,
      ca: ca ?? null,
      write: write ?? 'import',
      directory:
        directory === undefined
          ? null
          : {
              kind: 'google',
              admin: directory.admin,
              domain: directory.domain ?? null,
              credential: directory.credential ?? auth.credential,
              endpoint: directory.endpoint ?? null,
            },
      unitsPerMinute: units_per_minute ?? null,
      costs: Object.fromEntries(
        Object.entries(costs ?? {}).flatMap(([name, units]) => (units === undefined ? [] : [[name, units]])),
      ),
    }
  }
  if (raw.kind === 'graph') {
    const { auth, endpoint, ca, read, write, keywords, cloud = 'global' } = raw
    const { credential, tenant, client_id: clientId } = auth
    return {
      kind: 'graph',
      cloud,
      auth: {
        credential,
        tokens: { provider: 'microsoft', tenant, clientId, ...toSignIn({ ...auth, scope: undefined }) },
      },
      endpoint: endpoint ?? null,
      imap: { host: raw.imap_host ?? MICROSOFT_CLOUDS[cloud].imap, port: raw.imap_port ?? 993 },
      ca: ca ?? null,
      read: read ?? 'graph',
      write: write ?? 'imap',
      keywords: keywords ?? 'none',
      maxMessageBytes: raw.max_message ?? null,
    }
  }
  return {
    kind: 'imap',
    preset: raw.preset ?? null,
    host: raw.host,
    port: raw.port ?? (raw.tls.mode === 'implicit' ? 993 : 143),
    tls: { mode: raw.tls.mode, ca: raw.tls.ca ?? null, pin: raw.tls.pin ?? null },
    auth: toAuth(raw.auth),
    connections: raw.connections ?? null,
    compress: raw.compress ?? false,
    maxMessageBytes: raw.max_message ?? null,
    directory:
      raw.directory === undefined
        ? null
        : { ...raw.directory, host: raw.directory.host ?? null, port: raw.directory.port ?? null },
  }
}

function toAuth(raw: Extract<RawEnd, { kind: 'imap' }>['auth']): ImapEnd['auth'] {
  const { credential, provider, tenant, client_id: clientId } = raw
  const username = raw.username ?? null
  if (raw.mode === 'password') return { mode: 'password', credential, username, authorize: raw.authorize ?? null }
  const signIn = toSignIn(raw)
  const tokens: TokenSource =
    provider === 'microsoft'
      ? { provider, tenant: tenant ?? '', clientId: clientId ?? '', ...signIn }
      : { provider: 'google', ...signIn }
  return { mode: 'oauth', credential, username, authorize: null, tokens }
}

function toSignIn(raw: { readonly [K in keyof SignIn]?: string | undefined }): SignIn {
  return { scope: raw.scope ?? null, endpoint: raw.endpoint ?? null, ca: raw.ca ?? null }
}

function toLimits(raw: RawProject): ProjectLimits {
  const lanes = raw.limits?.lanes ?? DEFAULT_LIMITS.lanes
  const memoryBytes = raw.limits?.memory ?? DEFAULT_LIMITS.memoryBytes
  return {
    accounts: raw.limits?.accounts ?? DEFAULT_LIMITS.accounts,
    lanes,
    // Who names a number wants that many.
    lanesAtFirst: raw.limits?.lanes ?? DEFAULT_LIMITS.lanesAtFirst,
    memoryBytes,
    bytesPerSecond: raw.limits?.rate ?? DEFAULT_LIMITS.bytesPerSecond,
    hours: raw.limits?.window ?? DEFAULT_LIMITS.hours,
    connections: raw.limits?.connections ?? lanes,
    deadAfterMs: raw.limits?.dead_after ?? DEFAULT_DEAD_AFTER_MS,
    spoolThresholdBytes: raw.limits?.spool_threshold ?? Math.min(DEFAULT_SPOOL_THRESHOLD_BYTES, memoryBytes),
  }
}

function mailboxesOf(data: unknown): string {
  const named = valueAt(data, ['mailboxes'])
  return typeof named === 'string' && named !== '' ? named : DEFAULT_MAILBOXES
}

function byPlace(a: Problem, b: Problem): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)
}
