import { basename, resolve } from 'node:path'
import type { VolumeRecord } from '../../core/backups.ts'
import { SealpostError } from '../../core/errors.ts'
import type { BackupRecords } from '../../ledger/backup-book.ts'
import type { CommandContext } from '../context.ts'
import type { KeyedProject } from '../project/open-project.ts'
import { lockProject } from '../project/lock.ts'
import { withEverySeries } from './series.ts'

/** A volume, and the records that it stands in. */
export interface FoundVolume {
  readonly volume: VolumeRecord
  readonly records: BackupRecords
}

/** A project and the record of all its backups. */
export interface ProjectBackups extends KeyedProject {
  /** The volume that a file is, by its path or its name. Throws `config` when there is none or several have the name. */
  readonly find: (file: string) => FoundVolume
}

/** Opens a project and the record of its backups for one piece of work; no other process works on the project meanwhile. */
export async function withBackups<T>(
  context: CommandContext,
  work: (backups: ProjectBackups) => Promise<T>,
): Promise<T> {
  const { openKeys } = await import('../project/open-project.ts')
  const project = await openKeys(context)
  try {
    const { state } = project.folder
    const lock = await lockProject(state, context.clock)
    try {
      return await withEverySeries(state, project.keys.ledgerKey, (series) => {
        const all = series.flatMap((records) => records.volumes().map((volume) => ({ volume, records })))
        return work({ ...project, find: (file) => findIn(all, file) })
      })
    } finally {
      await lock.release()
    }
  } finally {
    await project.close()
  }
}

function findIn(all: readonly FoundVolume[], file: string): FoundVolume {
  const exact = all.filter(({ volume }) => volume.path === resolve(file))
  const found = exact.length > 0 ? exact : all.filter(({ volume }) => basename(volume.path) === basename(file))
  const [first] = found
  if (first === undefined) {
    throw new SealpostError('config', `${file} is no backup of this project`, {
      hint:
        all.length === 0
          ? 'none was made yet: sealpost backup'
          : `there is ${basename(all.at(-1)?.volume.path ?? '')}`,
      code: 'NO_SUCH_BACKUP',
    })
  }
  if (found.length > 1) throw new SealpostError('config', `${file}: several backups have this name; give the path`)
  return first
}
