import { dirname } from 'node:path'
import type { Clock } from '../src/core/clock.ts'
import { isKind } from '../src/core/errors.ts'
import { ensurePrivateFolder } from '../src/files/private-files.ts'
import {
  openField,
  readIndex,
  sealField,
  writeIndex,
  type CredentialIndex,
  type CredentialRecord,
  type SealedField,
} from './credential-file.ts'
import { credentialFilePath } from './credentials.ts'
import { withFileLock } from '../src/files/file-lock.ts'
import { wipe } from './secret.ts'

/**
 * Seals the credentials of a project under another key, every fact and revision as it was. As one step, and twice is safe:
 * what lies under the new key already stays. Throws `corrupt` when neither key opens the file.
 */
export async function resealCredentials(
  projectFolder: string,
  projectId: string,
  before: Buffer,
  after: Buffer,
  clock: Clock,
): Promise<void> {
  const path = credentialFilePath(projectFolder)
  await ensurePrivateFolder(dirname(path))
  await withFileLock(`${path}.lock`, clock, async () => {
    const index = await readUnless(path, projectId, before, after)
    if (index === null || index.revision === 0) return
    const reseal = (record: CredentialRecord, field: SealedField): Buffer => {
      const bytes = openField(before, projectId, record, field)
      try {
        return sealField(after, projectId, record, field, bytes)
      } finally {
        wipe(bytes)
      }
    }
    const records = index.records.map((record) => ({
      ...record,
      username: reseal(record, 'username'),
      secret: reseal(record, 'secret'),
    }))
    await writeIndex(path, projectId, after, { revision: index.revision, records })
  })
}

/** The file under the key before; null when it is under the one after. */
async function readUnless(
  path: string,
  projectId: string,
  before: Buffer,
  after: Buffer,
): Promise<CredentialIndex | null> {
  try {
    return await readIndex(path, projectId, before)
  } catch (error) {
    if (!isKind(error, 'corrupt')) throw error
    await readIndex(path, projectId, after).catch(() => {
      throw error
    })
    return null
  }
}
