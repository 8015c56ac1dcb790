import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createArchiveDestination } from '../../../connectors/archive/archive-destination.ts'
import { seriesName } from '../../../connectors/archive/entry-path.ts'
import { removeUnfinished } from '../../../connectors/archive/recover-files.ts'
import { createBackupSealer } from '../../../vault/age.ts'
import { wipe } from '../../../vault/secret.ts'
import { createSealer } from '../../../vault/stream.ts'
import type { VolumeRecord } from '../../core/backups.ts'
import { isKind, SealpostError } from '../../core/errors.ts'
import type { EngineEvent } from '../../core/events.ts'
import type { Pair } from '../../core/ledger.ts'
import type { Totals } from '../../core/states.ts'
import { fileError } from '../../files/file-error.ts'
import { ensurePrivateFolder } from '../../files/private-files.ts'
import { runProject, type RunOutcome } from '../../engine/run-project.ts'
import { DEFAULT_MAPPING, NO_FILTERS } from '../../engine/settings.ts'
import type { BackupEnd } from '../../ledger/backup-book.ts'
import type { BackupLedger } from '../../ledger/open-ledger.ts'
import type { CommandContext } from '../context.ts'
import { BACKUPS_FOLDER } from '../project/folder.ts'
import type { OpenProject } from '../project/open-project.ts'
import type { Progress } from '../terminal/progress.ts'
import { recipientsOf } from './series.ts'

/** What is to be backed up, and where to. */
export interface BackupRequest {
  readonly from: BackupEnd
  readonly per: 'account' | 'project'
  /** Names of the accounts at that end. */
  readonly accounts: readonly string[]
  /** Null: the project's own folder for backups. */
  readonly to: string | null
  readonly recipients: readonly string[] | null
  readonly volumeBytes: number
}

/** What came of it. */
export interface MadeBackup {
  readonly outcome: RunOutcome
  readonly pairs: readonly Pair[]
  readonly before: Totals
  readonly after: Totals
  /** Volumes that were written. */
  readonly volumes: readonly VolumeRecord[]
}

/**
 * Moves the mail of one end into sealed volumes: what an earlier backup of the series has is left out. Interrupted in good
 * order it keeps what was written; a kill loses the volume under way, which is begun anew the next time.
 */
export async function makeBackup(
  project: OpenProject,
  { ledger, records }: BackupLedger,
  request: BackupRequest,
  context: CommandContext,
  progressOf: (pairs: readonly Pair[]) => Progress,
): Promise<MadeBackup> {
  const { clock } = context
  const { series } = records
  if (series === null) throw new SealpostError('bug', 'a series of backups has not begun')
  const recipients = request.recipients ?? recipientsOf(records)
  if (recipients === null) {
    throw new SealpostError('config', 'whom is the backup to be sealed to?', {
      hint: '--recipient age1…: a public key of the client, who makes one with age-keygen -o key.txt',
      code: 'NO_RECIPIENT',
    })
  }
  if (recipients.includes(project.keys.intakeRecipient)) {
    throw new SealpostError('policy', 'that is a key of this project: a backup is sealed to the client alone', {
      code: 'OWN_RECIPIENT',
    })
  }
  const sealer = createBackupSealer(recipients)
  const mark = series.id.slice(0, 6)
  const folder = await folderOf(project, request.to)
  records.releaseAll()
  const known = records.volumes()
  await removeUnfinished(folder, mark, known)
  const gatherKey = randomBytes(32)
  const archive = createArchiveDestination({
    folder,
    per: request.per,
    nameOf: (account) => seriesName(account, series.id),
    sealer,
    book: records.book(() => clock.now()),
    clock,
    volumeBytes: request.volumeBytes,
    // What is gathered beside a volume opens with a key that is in no file.
    mbox: series.form === 'mbox' ? createSealer(gatherKey, 'backup-gathering') : null,
  })
  const pairs = request.accounts.map((account) => ledger.openPair(account, account))
  const before = ledger.totals({})
  const progress = progressOf(pairs)
  try {
    const { config, spool } = project
    const { limits } = config
    const outcome = await runProject(
      {
        source: request.from === 'source' ? project.source : project.destination,
        destination: archive.connector,
        ledger,
        spool,
        clock,
        events: (event: EngineEvent) => {
          project.log.event(event)
          progress.sink(event)
        },
        mapping: DEFAULT_MAPPING,
        filters: NO_FILTERS,
        limits: { ...limits, accounts: request.per === 'project' ? 1 : limits.accounts },
      },
      pairs,
      project.freeze.signal,
      context.hard,
    )
    const failed = new Set(outcome.pairs.flatMap(({ pair, error }) => (error === null ? [] : [pair.source])))
    await archive.finish(
      (account) => !outcome.cancelled && !(account === null ? failed.size > 0 : failed.has(account)),
    )
    const names = new Set(known.map(({ path }) => path))
    const volumes = records.volumes().filter(({ path }) => !names.has(path))
    return { outcome, pairs, before, after: ledger.totals({}), volumes }
  } catch (error) {
    await archive.abandon()
    throw error
  } finally {
    progress.stop()
    wipe(gatherKey)
  }
}

async function folderOf(project: OpenProject, to: string | null): Promise<string> {
  const folder = resolve(to ?? join(project.folder.path, BACKUPS_FOLDER))
  if (to === null) await ensurePrivateFolder(folder)
  else {
    await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      if (isKind(error)) throw error
      throw fileError(error, 'create', folder)
    })
  }
  return folder
}
