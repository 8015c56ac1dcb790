import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import type { Connector } from '../../core/connector.ts'
import { isKind, SealpostError } from '../../core/errors.ts'
import type { Ledger, LedgerReader, Pair } from '../../core/ledger.ts'
import type { Spool } from '../../core/ports.ts'
import { metered, Rate, type Rates } from '../../core/rate.ts'
import { openLedger, openLedgerReader } from '../../ledger/open-ledger.ts'
import { openSpool } from '../../spool/open-spool.ts'
import { openCredentialStore, type CredentialStore } from '../../../vault/credentials.ts'
import type { UnlockedOperator } from '../../../vault/operator.ts'
import type { ProjectKeys } from '../../../vault/project-keys.ts'
import { openProject as openProjectKeys } from '../../../vault/projects.ts'
import type { Secret } from '../../../vault/secret.ts'
import { createSealer } from '../../../vault/stream.ts'
import type { LoggedCommand } from '../log/allowed.ts'
import { openEventLog, type EventLog } from '../log/event-log.ts'
import { Scrubber } from '../log/scrubber.ts'
import { credentialNameOf, kindsOpening, type Side } from './account-login.ts'
import type { CommandContext } from '../context.ts'
import type { AccountPair } from '../config/mailboxes-csv.ts'
import { isFileEnd, type ProjectConfig } from '../config/project-types.ts'
import { openEnd } from './open-end.ts'
import { readProjectFiles, type ProjectFiles } from './files.ts'
import { findProject, type ProjectFolder } from './folder.ts'
import { signoffHolder } from '../signoff/journal.ts'
import { lockProject } from './lock.ts'
import { noteReader } from './readers.ts'
import { assertNotFrozen, openDesk } from '../books/desk.ts'
import type { WorkspaceBooks } from '../books/open-books.ts'
import { watchFreeze, type FreezeWatch } from '../books/freeze-watch.ts'
import { projectAuditOf, type ProjectAudit } from '../books/project-audit.ts'

const BOTH_SIDES: readonly Side[] = ['source', 'destination']

/** A project whose keys are open. */
export interface KeyedProject {
  readonly folder: ProjectFolder
  readonly keys: ProjectKeys
  readonly credentials: CredentialStore
  /** Whoever opened it. */
  readonly operator: UnlockedOperator
  readonly audit: ProjectAudit
  readonly books: WorkspaceBooks
  /** Wipes the keys, and closes and lets go of all else that is open. Twice is safe. */
  close(): Promise<void>
}

/** A project whose files were read and whose ledger is open for reading. */
export interface ReadableProject extends KeyedProject {
  readonly config: ProjectConfig
  readonly accounts: readonly AccountPair[]
  readonly ledger: LedgerReader
}

/** A project whose files were read and whose ledger is open. */
export interface LedgeredProject extends ReadableProject {
  readonly ledger: Ledger
}

/** A project with everything that a migration needs. */
export interface OpenProject extends LedgeredProject {
  readonly spool: Spool
  readonly source: Connector
  readonly destination: Connector
  /** What holds both ends to `limits.rate`; null without it. */
  readonly rates: Rates | null
  /** Tells of a freeze while the work goes on; its signal is to be used in the place of the command's. */
  readonly freeze: FreezeWatch
  /** What happens, in ids and numbers. */
  readonly log: EventLog
}

/**
 * Finds the project and opens its keys, asking for the passphrase; other processes may work on it meanwhile. Throws
 * `config` when there is no project or no workspace, `locked` for a wrong passphrase.
 */
export async function openKeys(context: CommandContext): Promise<KeyedProject> {
  return openKeysOf(await locate(context), context)
}

async function locate(context: CommandContext): Promise<ProjectFolder> {
  const folder = await findProject(context.options.project)
  if (folder.movedFrom !== null) context.output.warn(`the project was moved here from ${folder.movedFrom}`)
  return folder
}

async function openKeysOf(folder: ProjectFolder, context: CommandContext): Promise<KeyedProject> {
  const { id } = folder.record
  const { operator, books } = await openDesk(context, { project: id })
  try {
    await assertNotFrozen(books, context.stop)
    const keys = await openProjectKeys(context.home, operator, id)
    const credentials = openCredentialStore(folder.path, id, keys.credentialKey, context.clock)
    const audit = projectAuditOf(books, id, context)
    const close = (): Promise<void> => {
      keys.wipe()
      operator.wipe()
      return Promise.resolve()
    }
    return { folder, keys, credentials, operator, audit, books, close }
  } catch (error) {
    operator.wipe()
    throw withPlace(error, context.home)
  }
}

/**
 * Opens a project's files and its ledger, which one process may have open at a time. Throws as `openKeys`; `config` for
 * all that is wrong in the files, in one pass, and `busy` when another process holds the project, both before the
 * passphrase is asked for.
 */
export async function openLedgered(context: CommandContext): Promise<LedgeredProject> {
  const { folder, config, accounts } = await readFiles(context)
  const lock = await lockProject(folder.state, context.clock)
  let keyed: KeyedProject | null = null
  let ledger: Ledger | null = null
  const close = async (): Promise<void> => {
    try {
      ledger?.close()
    } finally {
      ledger = null
      await keyed?.close()
      await lock.release()
    }
  }
  try {
    keyed = await openKeysOf(folder, context)
    ledger = openLedger(join(folder.state, 'ledger.db'), keyed.keys.ledgerKey)
    return { ...keyed, config, accounts, ledger, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function readFiles(context: CommandContext): Promise<{ folder: ProjectFolder } & ProjectFiles> {
  const folder = await locate(context)
  const files = await readProjectFiles(folder.path)
  const { client } = folder.record
  if (files.config.client.normalize().trim() !== client.normalize().trim()) {
    // Most likely the file was copied from another project, with the ends of another client.
    throw new SealpostError(
      'config',
      `project.yaml is for ${files.config.client}, and this project for ${client}`,
      {
        hint: `the certificate will name ${client}: write that name if both ends are theirs; another client is a project of its own`,
        code: 'OTHER_CLIENT',
      },
    )
  }
  if (files.accounts.length === 0) {
    throw new SealpostError('config', `${files.config.mailboxes} names no account`, {
      hint: 'write one line an account: source,destination',
      code: 'NO_ACCOUNTS',
    })
  }
  return { folder, ...files }
}

/**
 * Opens a project's files, and its ledger for reading, also while another process works on it; no lock is held, but a
 * sign-off waits for the reader to end. Throws as `openKeys`, `config` for all that is wrong in the files, and `busy` while
 * a sign-off is under way.
 */
export async function openReadable(context: CommandContext): Promise<ReadableProject> {
  const { folder, config, accounts } = await readFiles(context)
  const keyed = await openKeysOf(folder, context)
  let forget = (): Promise<void> => Promise.resolve()
  try {
    forget = await noteReader(folder.state, `${keyed.operator.name}, ${context.options.command}`, context.clock)
    await assertNoSignoff(folder, context)
    const ledger = await readLedger(folder, keyed.keys.ledgerKey, context)
    const close = async (): Promise<void> => {
      ledger.close()
      await keyed.close()
      await forget()
    }
    return { ...keyed, config, accounts, ledger, close }
  } catch (error) {
    await keyed.close()
    await forget()
    throw error
  }
}

async function assertNoSignoff(folder: ProjectFolder, context: CommandContext): Promise<void> {
  const holder = await signoffHolder(context.home, folder.record.id)
  if (holder === null) return
  throw new SealpostError(
    'busy',
    `process ${holder.pid} has been at the sign-off of this project since ${holder.since}`,
    {
      hint: 'what it destroys cannot be read any more; see what it says',
      code: 'LOCKED',
    },
  )
}

/** A ledger that is not there yet, or of an older version, is made or brought up to date first; that needs the lock. */
async function readLedger(folder: ProjectFolder, key: Buffer, context: CommandContext): Promise<LedgerReader> {
  const path = join(folder.state, 'ledger.db')
  try {
    if (existsSync(path)) return openLedgerReader(path, key)
  } catch (error) {
    if (!isKind(error, 'config') || error.code !== 'OTHER_FORMAT') throw error
  }
  const lock = await lockProject(folder.state, context.clock)
  try {
    openLedger(path, key).close()
  } finally {
    await lock.release()
  }
  return openLedgerReader(path, key)
}

/**
 * Opens all of a project: credentials of these sides there and not expired, ledger, spool and both ends. No connection is
 * made yet.
 * Throws as `openLedgered`, and `config` for credentials that are missing or have expired.
 */
export async function openProject(
  context: CommandContext,
  sides: readonly Side[] = BOTH_SIDES,
): Promise<OpenProject> {
  const project = await openLedgered(context)
  const { folder, keys, credentials, config, accounts } = project
  const secrets: Secret[] = []
  const scrubber = new Scrubber()
  const begun = context.clock.monotonic()
  const log = openEventLog(folder.state, context.clock, scrubber, (text) => context.output.warn(text))
  const { home, clock, stop, hard } = context
  const freeze = watchFreeze(home, clock, () => project.books.freezing(hard), stop)
  const close = async (): Promise<void> => {
    freeze.end()
    log.event({ event: 'command-ended', milliseconds: Math.round(context.clock.monotonic() - begun) })
    log.close()
    scrubber.wipe()
    for (const secret of secrets.splice(0)) secret.wipe()
    await project.close()
  }
  try {
    await assertCredentials(project, sides)
    const facts = {
      folder: folder.path,
      config,
      accounts,
      credentials,
      clock: context.clock,
      keep: (secret: Secret): void => {
        secrets.push(secret)
        scrubber.add(secret)
      },
    }
    const rates = ratesOf(config.limits.bytesPerSecond, context.clock)
    const meter = (end: Connector): Connector => (rates === null ? end : metered(end, rates))
    const source = meter(await openEnd('source', facts))
    const destination = meter(await openEnd('destination', facts))
    const spool = openSpool(join(folder.state, 'spool'), createSealer(keys.spoolKey, folder.record.id))
    return { ...project, spool, source, destination, rates, freeze, log, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** One rate for both ends of a project, where it has one. */
function ratesOf(bytesPerSecond: number | null, clock: Clock): Rates | null {
  if (bytesPerSecond === null) return null
  return { reading: new Rate(bytesPerSecond, clock), writing: new Rate(bytesPerSecond, clock) }
}

/** The ledger's pairs of the accounts, entered where they are new. */
export function enterPairs(project: LedgeredProject, accounts: readonly AccountPair[]): readonly Pair[] {
  return accounts.map((account) => project.ledger.openPair(account.source, account.destination))
}

/** The ledger's pairs of the accounts as far as it knows them; the others have id 0. */
export function knownPairs(project: ReadableProject, accounts: readonly AccountPair[]): readonly Pair[] {
  const known = project.ledger.pairs()
  return accounts.map(
    ({ source, destination }) =>
      known.find((pair) => pair.source === source && pair.destination === destination) ?? {
        id: 0,
        source,
        destination,
      },
  )
}

/**
 * Writes down that a command begins, and which credentials it is about to use for which accounts, before the first
 * connection: a kill later on does not lose it.
 */
export async function noteCredentialUse(
  { config, audit, log }: OpenProject,
  accounts: readonly AccountPair[],
  command: LoggedCommand,
  sides: readonly Side[] = BOTH_SIDES,
): Promise<void> {
  log.event({ event: 'command-started', command, accounts: accounts.length })
  const uses = [...credentialsNeeded(config, accounts, sides)].map(([name, names]) => ({
    name,
    facts: { command },
    accounts: [...names],
  }))
  await audit.noteCredentials('credentials-used', uses)
}

/** The accounts that each credential opens. */
function credentialsNeeded(
  config: ProjectConfig,
  accounts: readonly AccountPair[],
  sides: readonly Side[],
): ReadonlyMap<string, ReadonlySet<string>> {
  const needed = new Map<string, Set<string>>()
  for (const side of sides) {
    const end = config[side]
    if (isFileEnd(end)) continue
    for (const pair of accounts) {
      const name = credentialNameOf(side, end, pair)
      needed.set(name, (needed.get(name) ?? new Set()).add(pair[side]))
    }
  }
  return needed
}

/** All credentials that are missing, of a kind that opens nothing there, or have expired, told before the first connection is made. */
async function assertCredentials(
  { config, accounts, credentials, audit }: LedgeredProject,
  sides: readonly Side[],
): Promise<void> {
  const needed = new Set(credentialsNeeded(config, accounts, sides).keys())
  if (needed.size === 0) return
  const known = new Map((await credentials.list()).map((summary) => [summary.name, summary]))
  const missing = [...needed].filter((name) => !known.has(name))
  const expired = [...needed].filter((name) => known.get(name)?.expired === true)
  if (missing.length > 0) {
    const hint = `sealpost credentials set ${missing[0] ?? ''}${missing.length > 1 ? ', or credentials import for many' : ''}`
    throw new SealpostError('config', `missing credentials: ${listed(missing)}`, { hint, code: 'NO_CREDENTIAL' })
  }
  for (const side of sides) {
    const end = config[side]
    if (isFileEnd(end)) continue
    const kinds = kindsOpening(end)
    for (const name of credentialsNeeded(config, accounts, [side]).keys()) {
      const found = known.get(name)
      if (found === undefined || kinds.includes(found.kind)) continue
      throw new SealpostError(
        'config',
        `credential "${found.name}" is a ${found.kind}, which does not open the ${side}`,
        {
          hint: `set one of another kind (${kinds.join(', ')}): sealpost credentials set NAME --kind KIND`,
          code: 'WRONG_CREDENTIAL',
        },
      )
    }
  }
  if (expired.length > 0) {
    await audit.noteCredentials(
      'credentials-expired',
      expired.map((name) => ({ name, outcome: 'refused' as const })),
    )
    const hint = 'set them anew with sealpost credentials set'
    throw new SealpostError('config', `expired credentials: ${listed(expired)}`, {
      hint,
      code: 'CREDENTIAL_EXPIRED',
    })
  }
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 8).map((name) => `"${name}"`)
  return names.length > shown.length
    ? `${shown.join(', ')} and ${names.length - shown.length} more`
    : shown.join(', ')
}

/** A project whose keys are in another workspace is the usual reason. */
function withPlace(error: unknown, home: string): unknown {
  if (!(error instanceof SealpostError) || error.kind !== 'config' || error.hint !== undefined) return error
  const hint = `this is the workspace in ${home}; set SEALPOST_HOME to the one in which the project was made`
  return new SealpostError(error.kind, error.message, { hint, cause: error, code: 'OTHER_WORKSPACE' })
}
