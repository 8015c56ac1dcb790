import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { SealpostError } from '../../core/errors.ts'
import { codeOf } from '../../core/system-faults.ts'
import { fileError } from '../../files/file-error.ts'
import { openSpool } from '../../spool/open-spool.ts'
import { rekeyDatabase, settleDatabase } from '../../sqlite/rekey-database.ts'
import type { ProjectKeys } from '../../../vault/project-keys.ts'
import { resealCredentials } from '../../../vault/reseal-credentials.ts'
import { createSealer } from '../../../vault/stream.ts'
import { RESTORES_FOLDER } from '../backup/restore-archive.ts'
import { SERIES_FOLDER } from '../backup/series.ts'
import { canaryPlaceOf, isSealedUnder, resealSpoolCanary } from '../signoff/canaries.ts'
import type { ProjectFolder } from './folder.ts'

/**
 * Makes sure that the folder is that of these keys, and that nobody has a ledger in it open. Throws `policy` where nothing in
 * it opens with them: the files of the project, wherever they lie, would be left under keys that nobody has any more.
 * Throws `busy` when somebody has a ledger open, before anything was changed.
 */
export async function settleFiles(folder: ProjectFolder, keys: ProjectKeys): Promise<void> {
  if (!(await isSealedUnder(canaryPlaceOf(folder), keys))) {
    throw new SealpostError(
      'policy',
      `nothing in ${folder.path} opens with the keys of project ${folder.record.id}`,
      {
        hint: 'its record may name another project: give the command in the folder of that one',
        code: 'OTHER_FOLDER',
      },
    )
  }
  for (const path of await ledgersOf(folder.state)) settleDatabase(path, keys.ledgerKey)
}

/**
 * Brings everything that is sealed in a project under other keys: the ledgers, the credentials, the spool, of which only
 * the canary is kept: bodies that lie there are fetched again. The caller holds the project's lock. Each file is changed as
 * one step; twice is safe, and safe after a kill at any point.
 */
export async function rekeyFiles(
  project: ProjectFolder,
  before: ProjectKeys,
  after: ProjectKeys,
  clock: Clock,
): Promise<void> {
  const { path: folder, state, record } = project
  for (const path of await ledgersOf(state)) {
    rekeyDatabase(path, { before: before.ledgerKey, after: after.ledgerKey })
  }
  await resealCredentials(folder, record.id, before.credentialKey, after.credentialKey, clock)
  await resealSpoolCanary(canaryPlaceOf(project), before.spoolKey, after.spoolKey)
  await openSpool(join(state, 'spool'), createSealer(after.spoolKey, record.id)).sweep()
}

/** The project's own ledger, that of each series of backups, and that of each restore. */
async function ledgersOf(state: string): Promise<readonly string[]> {
  const folders = await Promise.all(
    [SERIES_FOLDER, RESTORES_FOLDER].map(async (name) => {
      const folder = join(state, name)
      return (await namesIn(folder)).filter((file) => file.endsWith('.db')).map((file) => join(folder, file))
    }),
  )
  const own = join(state, 'ledger.db')
  return [...(existsSync(own) ? [own] : []), ...folders.flat()].sort()
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw fileError(error, 'read', folder)
  }
}
