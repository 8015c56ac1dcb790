import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { AuditLog } from '../../core/audit.ts'
import { formatInstant } from '../../core/clock.ts'
import { codeOf } from '../../core/system-faults.ts'
import { fileError } from '../../files/file-error.ts'
import type { BackupRecords } from '../../ledger/backup-book.ts'
import type { Obstacle } from '../../signoff/gate.ts'
import type { HandedOver, ProjectFacts, UnlistedBackups } from '../../signoff/state.ts'
import { BACKUPS_FOLDER } from '../project/folder.ts'

/** What the gate found out about the backups of a project. */
export interface BackupsFound extends Pick<ProjectFacts, 'handedOver' | 'unlistedBackups'> {
  /** Each backup of which we still have our copy. */
  readonly obstacles: readonly Obstacle[]
}

/** By the records of the backups, which open with the project's keys. */
export function backupsInRecords(series: readonly BackupRecords[]): BackupsFound {
  const volumes = series.flatMap((records) => records.volumes())
  return {
    unlistedBackups: null,
    obstacles: volumes
      .filter(({ removed }) => !removed)
      .map(({ path }) => openBackup(`${basename(path)}: a backup that the client has not confirmed`, 'handover')),
    handedOver: volumes.flatMap(({ path, sha256, set, handover }): readonly HandedOver[] =>
      handover?.confirmed == null
        ? []
        : [
            {
              file: basename(path),
              sha256,
              recipient: set.recipients.map(({ fingerprint }) => fingerprint).join(', '),
              at: formatInstant(handover.at),
            },
          ],
    ),
  }
}

/**
 * Where the records do not open any more: the files that lie in the project's own folder for backups are in the way, since
 * nobody knows whether the client has them, and the audit log says how many there were.
 */
export async function backupsWithoutRecords(project: string, logged: UnlistedBackups): Promise<BackupsFound> {
  const left = (await filesIn(join(project, BACKUPS_FOLDER))).filter((name) => name.endsWith('.age'))
  return {
    handedOver: [],
    unlistedBackups: logged.written === 0 ? null : logged,
    obstacles: left.map((name) =>
      openBackup(`${name}: a backup, and what would show whether the client has it does not open`, 'files'),
    ),
  }
}

/** Counts volumes in the audit log, which opens without any key of the project. */
export async function countLoggedBackups(
  log: AuditLog,
  project: string,
  signal: AbortSignal,
): Promise<UnlistedBackups> {
  const volumes = new Map<string, 'written' | 'confirmed' | 'discarded'>()
  for await (const { entry } of log.entries(signal)) {
    if (entry?.project !== project || entry.object === null || entry.outcome !== 'done') continue
    const { action, object, facts } = entry
    if (action === 'backup') volumes.set(object, 'written')
    else if (action === 'handover' && facts['confirmed'] === true) volumes.set(object, 'confirmed')
    else if (action === 'handover' && facts['discarded'] === true) volumes.set(object, 'discarded')
  }
  const count = (state: string): number => [...volumes.values()].filter((each) => each === state).length
  return { written: volumes.size, confirmed: count('confirmed'), discarded: count('discarded') }
}

function openBackup(text: string, way: 'handover' | 'files'): Obstacle {
  const hint =
    way === 'handover'
      ? 'sealpost backup handover, or sealpost backup discard'
      : 'give it to the client, who can open it, or delete it; then sign off again'
  return { code: 'backup', text, hint, count: 1, acceptAs: null }
}

async function filesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw fileError(error, 'read', folder)
  }
}
