import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { createArchiveSource } from '../../../connectors/archive/archive-source.ts'
import type { MessageLine } from '../../../connectors/archive/manifest.ts'
import type { OpenArchive } from '../../../connectors/archive/open-archive.ts'
import { SealpostError } from '../../core/errors.ts'
import type { EngineEvent } from '../../core/events.ts'
import type { Ledger, Pair } from '../../core/ledger.ts'
import { ensurePrivateFolder } from '../../files/private-files.ts'
import { runProject, type RunOutcome } from '../../engine/run-project.ts'
import { DEFAULT_MAPPING, NO_FILTERS } from '../../engine/settings.ts'
import { openLedger } from '../../ledger/open-ledger.ts'
import { verifyProject, type VerifyOutcome } from '../../verify/verify-project.ts'
import type { AccountPair } from '../config/mailboxes-csv.ts'
import type { CommandContext } from '../context.ts'
import type { OpenProject } from '../project/open-project.ts'
import type { Progress } from '../terminal/progress.ts'

/** The folder in a project's state in which each restore has its ledger. */
export const RESTORES_FOLDER = 'restores'

/** What of an archive is to be restored. */
export interface RestoreChoice {
  /** Accounts of the archive; all when there is none. */
  readonly accounts: readonly string[]
  /** The destination account, where it is not told by mailboxes.csv. */
  readonly into: string | null
  /** Globs over mailboxes. */
  readonly mailboxes: readonly string[]
  readonly after: number | null
  readonly before: number | null
  /** Paths, numbers or digests of single messages. */
  readonly messages: readonly string[]
}

/** What came of a restore. */
export interface Restored {
  readonly outcome: RunOutcome
  /** Null when the run was interrupted. */
  readonly verified: VerifyOutcome | null
}

/** Which account of the archive goes where. Throws `config` for one that nobody says the destination of. */
export function restorePairs(
  archive: OpenArchive,
  choice: RestoreChoice,
  rows: readonly AccountPair[],
): readonly { readonly account: string; readonly destination: string }[] {
  const held = [...archive.index.accounts.keys()]
  const unknown = choice.accounts.find((account) => !held.includes(account))
  if (unknown !== undefined) {
    throw new SealpostError('config', `--account ${unknown}: the backup has no such account`, {
      hint: `it has: ${held.join(', ')}`,
      code: 'NO_SUCH_ACCOUNT',
    })
  }
  const chosen = choice.accounts.length === 0 ? held : choice.accounts
  if (choice.into !== null && chosen.length !== 1) {
    throw new SealpostError('config', '--into takes one account: name it with --account', { code: 'USAGE' })
  }
  return chosen.map((account) => {
    const wanted = choice.into ?? account
    const row =
      rows.find(({ destination }) => destination === wanted) ??
      (choice.into === null ? rows.find(({ source }) => source === wanted) : undefined)
    if (row !== undefined) return { account, destination: row.destination }
    throw new SealpostError('config', `${wanted} is no account of mailboxes.csv`, {
      hint: choice.into === null ? '--into ACCOUNT says where its mail is to go' : 'add a line for it',
      code: 'NO_SUCH_ACCOUNT',
    })
  })
}

/** The ledger of a restore: the same for the same archive and choice, so that it goes on where it stopped. */
export async function openRestoreLedger(
  project: OpenProject,
  archive: OpenArchive,
  choice: RestoreChoice,
): Promise<Ledger> {
  const folder = join(project.folder.state, RESTORES_FOLDER)
  await ensurePrivateFolder(folder)
  const { mailboxes, after, before, messages } = choice
  const part = createHash('sha256')
    .update(JSON.stringify([mailboxes, after, before, messages]))
    .digest('hex')
  return openLedger(join(folder, `${archive.series.slice(0, 16)}-${part.slice(0, 8)}.db`), project.keys.ledgerKey)
}

/** Moves mail out of an archive that was read whole before, and reads it again at the destination. */
export async function restoreArchive(
  project: OpenProject,
  archive: OpenArchive,
  ledger: Ledger,
  pairs: readonly Pair[],
  choice: RestoreChoice,
  context: CommandContext,
  progress: Progress,
): Promise<Restored> {
  const { config, spool, destination, log, freeze } = project
  const events = (event: EngineEvent): void => {
    log.event(event)
    progress.sink(event)
  }
  const { clock } = context
  const only = chooser(choice.messages)
  const source = createArchiveSource({
    archive,
    largeMessageBytes: config.limits.spoolThresholdBytes,
    ...(only === null ? {} : { only }),
  })
  let outcome: RunOutcome
  try {
    outcome = await runProject(
      {
        source,
        destination,
        ledger,
        spool,
        clock,
        events,
        mapping: { ...DEFAULT_MAPPING, include: choice.mailboxes },
        filters: { ...NO_FILTERS, after: choice.after, before: choice.before },
        limits: config.limits,
      },
      pairs,
      freeze.signal,
      context.hard,
    )
  } finally {
    progress.stop()
  }
  if (outcome.cancelled) return { outcome, verified: null }
  const done = outcome.pairs.flatMap(({ pair, error }) => (error === null ? [pair] : []))
  const { accounts, lanesAtFirst: lanes, memoryBytes, hours } = config.limits
  const verified = await verifyProject(
    { destination, ledger, clock, events: log.event, accounts, lanes, memoryBytes, hours },
    done,
    'full',
    freeze.signal,
  )
  return { outcome, verified }
}

/** Single messages are named by their path in the archive, by their number, or by their SHA-256. */
function chooser(named: readonly string[]): ((message: MessageLine) => boolean) | null {
  if (named.length === 0) return null
  const wanted = new Set(named.map((name) => name.toLowerCase()))
  return ({ path, number, sha256 }) =>
    wanted.has(path.toLowerCase()) || wanted.has(String(number)) || wanted.has(sha256)
}
