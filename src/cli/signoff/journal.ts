import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { SealpostError } from '../../core/errors.ts'
import { codeOf } from '../../core/system-faults.ts'
import { syncFolder, writePrivateFile } from '../../files/durable.ts'
import { fileError } from '../../files/file-error.ts'
import { ensurePrivateFolder, readPrivateFile } from '../../files/private-files.ts'
import type { Journal } from '../../signoff/ports.ts'
import type { PurgeState } from '../../signoff/state.ts'
import { lockProject, projectHolder, type ProjectHolder, type ProjectLock } from '../project/lock.ts'

const MAX_JOURNAL_BYTES = 16 * 1024 * 1024

/** Where the journals of purges lie: in the workspace, since a project is what goes. */
function journalsFolder(home: string): string {
  return join(home, 'signoff')
}

function folderOf(home: string, projectId: string): string {
  return join(journalsFolder(home), projectId)
}

/** Keeps one process at a time at the sign-off of a project. Throws `busy` while another one is at it. */
export async function lockSignoff(home: string, projectId: string, clock: Clock): Promise<ProjectLock> {
  await ensurePrivateFolder(journalsFolder(home))
  await ensurePrivateFolder(folderOf(home, projectId))
  return lockProject(folderOf(home, projectId), clock)
}

/** The process that is at the sign-off of a project, or null when none is. */
export function signoffHolder(home: string, projectId: string): Promise<ProjectHolder | null> {
  return projectHolder(folderOf(home, projectId))
}

/** The journal of one project's purge. */
export function openJournal(home: string, projectId: string): Journal {
  const folder = folderOf(home, projectId)
  const path = join(folder, 'journal.json')
  return {
    read: () => readJournal(path),
    write: async (state) => {
      await ensurePrivateFolder(folder)
      await writePrivateFile(path, Buffer.from(`${JSON.stringify(state, null, 2)}\n`, 'utf8'))
    },
    remove: async () => {
      try {
        await rm(folder, { recursive: true, force: true })
        await syncFolder(journalsFolder(home))
      } catch (error) {
        throw fileError(error, 'remove', folder)
      }
    },
  }
}

/** The purge under way of the project that lies, or lay, in this folder; null when there is none. */
export async function findJournal(home: string, projectFolder: string): Promise<PurgeState | null> {
  const names = await readdir(journalsFolder(home)).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return []
    throw fileError(error, 'read', journalsFolder(home))
  })
  for (const name of names) {
    const state = await readJournal(join(folderOf(home, name), 'journal.json'))
    if (state?.project.folder === projectFolder) return state
  }
  return null
}

/** Takes away what a sign-off that never began left: the folder for its lock. */
export async function forgetLock(home: string, projectId: string): Promise<void> {
  if ((await readJournal(join(folderOf(home, projectId), 'journal.json'))) !== null) return
  await rm(folderOf(home, projectId), { recursive: true, force: true }).catch(() => undefined)
}

async function readJournal(path: string): Promise<PurgeState | null> {
  const bytes = await readPrivateFile(path, MAX_JOURNAL_BYTES)
  if (bytes === null) return null
  try {
    const state = JSON.parse(bytes.toString('utf8')) as PurgeState
    // Written by this program alone, in a folder that is private: its version is all there is to ask.
    if ((state.version as number) === 1) return state
  } catch {
    // Told below.
  }
  throw new SealpostError('corrupt', `${path} is damaged`, { hint: 'the sign-off cannot be resumed from it' })
}
