import { unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from '../../core/system-faults.ts'
import { syncFolder } from '../../files/durable.ts'
import { fileError } from '../../files/file-error.ts'
import type { FoundVolume } from './project-backups.ts'

/**
 * Deletes our copy of a volume; what is sealed to others needs no overwriting. False when it was not there any more: it went
 * with the client, or somebody keeps it elsewhere. Twice is safe.
 */
export async function removeCopy({ volume, records }: FoundVolume): Promise<boolean> {
  let wasThere = true
  try {
    await unlink(volume.path)
    await syncFolder(dirname(volume.path))
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw fileError(error, 'delete', volume.path)
    wasThere = false
  }
  records.setRemoved(volume.set.id, volume.number)
  return wasThere
}
