import { isIP } from 'node:net'
import * as z from 'zod'
import { UNIT_COSTS, type UnitName } from '../../../connectors/gmail/config.ts'
import { PRESET_NAMES } from '../../../connectors/presets/preset.ts'
import { assertTransportAllowed } from '../../../connectors/shared/tls.ts'
import { parsePath } from '../../core/mailbox-path.ts'
import { SealpostError } from '../../core/errors.ts'
import type { WorkHours } from '../../core/work-hours.ts'
import { templateProblem, type Placeholder } from './templates.ts'
import { parseDuration, parseInstant, parseSize } from './units.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** A key left without a value, as when all below it is commented out, means its default. */
function optionalPart<T extends z.ZodType>(part: T): z.ZodPreprocess<z.ZodOptional<T>> {
  return z.preprocess((value) => value ?? undefined, part.optional())
}

/** A value read from text by `parse`, which says what is wrong by throwing the message as text. */
function value<T>(parse: (raw: string, fail: (message: string) => never) => T): z.ZodType<T> {
  return z.unknown().transform((raw, context): T => {
    const fail = (message: string): never => {
      throw new SealpostError('config', message)
    }
    try {
      if (typeof raw === 'string') return parse(raw.trim(), fail)
      if (typeof raw === 'number') return parse(String(raw), fail)
      return fail(raw === undefined ? 'is missing' : raw === null ? 'has no value' : 'must be text')
    } catch (error) {
      if (!(error instanceof SealpostError)) throw error
      context.issues.push({ code: 'custom', message: error.message, input: raw })
      return z.NEVER
    }
  })
}

const text = value((raw, fail) => {
  if (raw === '') return fail('must not be empty')
  return /\p{Cc}/u.test(raw) ? fail('must not hold control characters') : raw
})

function template(allowed: readonly Placeholder[]): z.ZodType<string> {
  return value((raw, fail) => {
    if (raw === '') return fail('must not be empty')
    if (/\p{Cc}/u.test(raw)) return fail('must not hold control characters')
    const problem = templateProblem(raw, allowed)
    return problem === null ? raw : fail(problem)
  })
}

function size(least: number): z.ZodType<number> {
  return value((raw, fail) => {
    const bytes = parseSize(raw)
    if (bytes === null) return fail(`"${raw}" is not a size, such as 64MiB or 4096`)
    return bytes < least ? fail(`${raw} is too small: at least ${least} bytes`) : bytes
  })
}

function count(most: number): z.ZodType<number> {
  return value((raw, fail) => {
    const number = /^\d{1,6}$/.test(raw) ? Number(raw) : 0
    return number < 1 || number > most ? fail(`must be a whole number from 1 to ${most}`) : number
  })
}

const instant = value((raw, fail) => {
  return parseInstant(raw) ?? fail(`"${raw}" is not a date (2024-01-31) or an instant (2024-01-31T12:00:00Z)`)
})

const host = value((raw, fail) => {
  const bare = raw.replace(/^\[(.*)\]$/, '$1')
  if (isIP(bare) !== 0) return bare
  if (/^[a-z]+:\/\//i.test(raw)) return fail('must be a host name, not an address with ://')
  if (/^[a-z0-9_](?:[a-z0-9_.-]{0,252}[a-z0-9_])?\.?$/i.test(raw)) return raw.toLowerCase()
  return fail(
    /:\d+$/.test(raw) ? 'must be a host name without a port; port is a key of its own' : 'is not a host name',
  )
})

const pin = value((raw, fail) => {
  try {
    assertTransportAllowed({ mode: 'implicit', pin: raw }, 'localhost')
    return raw
  } catch {
    return fail('is not a SHA-256 in hex (64 digits) or base64')
  }
})

const authMode = value((raw, fail) => {
  if (raw === 'password') return 'password' as const
  if (raw === 'oauth') return 'oauth' as const
  return fail(`"${raw}" is not a way to sign in: password or oauth`)
})

/** A mailbox named in a rule; it stands for what lies below it too, so that globs have no place here. */
const mailboxPath = value((raw, fail) => {
  if (/[*?]/.test(raw.replace(/\\./g, ''))) {
    return fail('a rule names one mailbox and covers what lies below it; write \\* for a star in a name')
  }
  const path = parsePath(raw)
  return path.some((level) => level === '') ? fail('has an empty level; write \\/ for a slash in a name') : path
})

const glob = value((raw, fail) => (raw === '' ? fail('must not be empty') : raw))

const httpsAddress = value((raw, fail) =>
  URL.canParse(raw) && new URL(raw).protocol === 'https:'
    ? raw
    : fail('must be an address that begins with https://'),
)

/** A table of small numbers by name. */
const unitCosts = z.strictObject(
  Object.fromEntries(Object.keys(UNIT_COSTS).map((name) => [name, count(1_000).optional()])) as Record<
    UnitName,
    z.ZodOptional<z.ZodType<number>>
  >,
)

/** `20:00-06:00`: from the first to the second, over midnight where that is earlier. */
const workHours = value<WorkHours>((raw, fail) => {
  const match = /^([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)$/.exec(raw.trim())
  if (match === null) return fail(`"${raw}" is no window of hours, such as 20:00-06:00`)
  const [from = 0, fromMinute = 0, to = 0, toMinute = 0] = match.slice(1).map(Number)
  const hours = { from: from * 60 + fromMinute, to: to * 60 + toMinute }
  return hours.from === hours.to ? fail(`"${raw}" begins when it ends; leave it out to work at any time`) : hours
})

function duration(least: number): z.ZodType<number> {
  return value((raw, fail) => {
    const milliseconds = parseDuration(raw)
    if (milliseconds === null) return fail(`"${raw}" is not a duration, such as 90s or 2m`)
    return milliseconds < least ? fail(`${raw} is too short: at least ${least / 1000} s`) : milliseconds
  })
}

const signInShape = { scope: text.optional(), endpoint: httpsAddress.optional(), ca: text.optional() }
const tlsShape = { mode: z.enum(['implicit', 'starttls', 'none']), ca: text.optional(), pin: pin.optional() }
const authShape = {
  mode: authMode,
  credential: text,
  username: template(['account', 'local', 'admin']).optional(),
  authorize: template(['account', 'local', 'admin']).optional(),
  provider: z.enum(['google', 'microsoft']).optional(),
  tenant: text.optional(),
  client_id: text.optional(),
  ...signInShape,
}
/** Where accounts are listed; what is left out follows from the preset and the end. */
const directoryShape = {
  kind: z.enum(['cpanel', 'zimbra', 'dovecot', 'cyrus']),
  host: host.optional(),
  port: count(65_535).optional(),
  credential: text,
}
/** Who lists the users of a Google Workspace, and which. */
const googleDirectoryShape = {
  admin: text,
  domain: host.optional(),
  credential: text.optional(),
  endpoint: httpsAddress.optional(),
}
const googleAuthShape = { credential: text, ...signInShape }
const imapShape = {
  kind: z.literal('imap'),
  preset: z.enum(PRESET_NAMES).optional(),
  host,
  port: count(65_535).optional(),
  tls: z.strictObject(tlsShape),
  auth: z.strictObject(authShape),
  connections: count(64).optional(),
  compress: z.boolean().optional(),
  max_message: size(1).optional(),
  directory: z.strictObject(directoryShape).optional(),
}
const gmailShape = {
  kind: z.literal('gmail'),
  auth: z.strictObject(googleAuthShape),
  endpoint: httpsAddress.optional(),
  ca: text.optional(),
  write: z.enum(['import', 'insert']).optional(),
  units_per_minute: count(999_999).optional(),
  costs: optionalPart(unitCosts),
  directory: z.strictObject(googleDirectoryShape).optional(),
}
const microsoftAuthShape = {
  tenant: text,
  client_id: text,
  credential: text,
  endpoint: httpsAddress.optional(),
  ca: text.optional(),
}
const graphShape = {
  kind: z.literal('graph'),
  cloud: z.enum(['global', 'us-gov', 'china']).optional(),
  auth: z.strictObject(microsoftAuthShape),
  endpoint: httpsAddress.optional(),
  imap_host: host.optional(),
  imap_port: count(65_535).optional(),
  ca: text.optional(),
  read: z.enum(['graph', 'imap']).optional(),
  write: z.enum(['imap', 'transfer', 'rebuild', 'rebuild-with-original', 'drafts']).optional(),
  keywords: z.enum(['none', 'all']).optional(),
  max_message: size(1).optional(),
}
const mboxShape = {
  kind: z.literal('mbox'),
  path: template(['account']),
  quoting: z.enum(['mboxrd', 'mboxo', 'none']).optional(),
}
const maildirShape = { kind: z.literal('maildir'), path: template(['account']) }
const END_SHAPES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  imap: imapShape,
  gmail: gmailShape,
  graph: graphShape,
  maildir: maildirShape,
  mbox: mboxShape,
}

/** What an end can be. */
export const END_KINDS: readonly string[] = Object.keys(END_SHAPES)

const ruleShape = { from: mailboxPath, to: mailboxPath }
const mappingShape = {
  special_use: z.boolean().optional(),
  labels: z.enum(['single', 'copies', 'keywords']).optional(),
  rules: optionalPart(z.array(z.strictObject(ruleShape))),
  include: optionalPart(z.array(glob)),
  exclude: optionalPart(z.array(glob)),
}
const filtersShape = {
  after: instant.optional(),
  before: instant.optional(),
  max_bytes: size(1).optional(),
  skip_deleted: z.boolean().optional(),
}
const limitsShape = {
  accounts: count(64).optional(),
  lanes: count(32).optional(),
  connections: count(64).optional(),
  memory: size(4 * MIB).optional(),
  spool_threshold: size(64 * KIB).optional(),
  dead_after: duration(1_000).optional(),
  rate: size(16 * KIB).optional(),
  window: workHours.optional(),
}
const end = z.discriminatedUnion('kind', [
  z.strictObject(imapShape),
  z.strictObject(gmailShape),
  z.strictObject(graphShape),
  z.strictObject(maildirShape),
  z.strictObject(mboxShape),
])
const projectShape = {
  version: z.literal(1),
  client: text,
  source: end,
  destination: end,
  mailboxes: text.optional(),
  mapping: optionalPart(z.strictObject(mappingShape)),
  filters: optionalPart(z.strictObject(filtersShape)),
  limits: optionalPart(z.strictObject(limitsShape)),
}

/** project.yaml as it is written. */
export const projectSchema = z.strictObject(projectShape)
/** What it holds, once checked. */
export type RawProject = z.infer<typeof projectSchema>
/** One of its two ends. */
export type RawEnd = RawProject['source']

/** The keys that may stand at a path of the file; `kind` is that of the end the path lies in. */
export function knownKeys(path: readonly PropertyKey[], kind: unknown): readonly string[] {
  const [first, second] = path
  if (first === undefined) return Object.keys(projectShape)
  if (first === 'source' || first === 'destination') {
    if (second === 'tls') return Object.keys(tlsShape)
    if (second === 'auth') {
      return Object.keys(kind === 'gmail' ? googleAuthShape : kind === 'graph' ? microsoftAuthShape : authShape)
    }
    if (second === 'directory') return Object.keys(kind === 'gmail' ? googleDirectoryShape : directoryShape)
    if (second === 'costs') return Object.keys(UNIT_COSTS)
    return Object.keys(END_SHAPES[String(kind)] ?? imapShape)
  }
  if (first === 'mapping') return Object.keys(second === 'rules' ? ruleShape : mappingShape)
  return Object.keys(first === 'filters' ? filtersShape : first === 'limits' ? limitsShape : {})
}
