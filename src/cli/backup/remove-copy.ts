import { unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf, fileError, syncFolder } from '../../../vault/files.ts'
import type { FoundVolume } from './project-backups.ts'

/** Deletes our copy of a volume; what is sealed to others needs no overwriting. Twice is safe. */
export async function removeCopy({ volume, records }: FoundVolume): Promise<void> {
  try {
    await unlink(volume.path)
    await syncFolder(dirname(volume.path))
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw fileError(error, 'delete', volume.path)
  }
  records.setRemoved(volume.set.id, volume.number)
}
