import { access, readdir } from 'node:fs/promises'
import { isAbsolute, join, relative, sep } from 'node:path'
import { counted } from '../core/counted.ts'
import { SealpostError } from '../core/errors.ts'
import type { ObjectClass } from '../core/certificate.ts'
import type { PurgeFiles } from './ports.ts'
import { digestFile, listFiles, removeTree, syncNames, type FoundFile } from './remove-files.ts'
import { searchPlaces, type SearchPlace, type SearchProgress } from './search-folders.ts'
import type { FileCount, FlushReport, RemovedDocument } from './state.ts'

/** Where the files of a project lie. */
export interface ProjectPlaces {
  /** The project folder. */
  readonly folder: string
  /** `.sealpost` below it. */
  readonly state: string
  /** The list of accounts, wherever the project keeps it. */
  readonly accountList: string
  readonly keystore: string
  /** Where is searched; the project's and the workspace's folders stand in it. */
  readonly searched: readonly SearchPlace[]
  /** What is not searched: mail stores that are ends of the migration. */
  readonly apart: readonly string[]
  /** Told how far a search has come, many times a second. */
  readonly searching: (progress: SearchProgress) => void
  /** Asks for TRIM; another one in tests. */
  readonly trim: (folders: readonly string[]) => Promise<FlushReport['trim']>
}

/** Folders of a project that a purge removes with all that lies in them, besides the program's own. */
export const REMOVED_FOLDERS = { reports: 'reports', backups: 'backups' } as const

/** What must stay until nothing else is left: a killed purge is found by it, and no other process may begin. */
const LAST = new Set(['project.json', 'lock'])

/** The files of one project, as a purge reaches them. Every method may be called again after a kill. */
export function purgeFilesOf(places: ProjectPlaces): PurgeFiles {
  const { folder, state, accountList, keystore, searched, apart, searching, trim } = places
  const documents: readonly (readonly [ObjectClass, string])[] = [
    ['reports', join(folder, REMOVED_FOLDERS.reports)],
    // What was never finished, or not ours to hand over; the gate lets no whole one come here.
    ['backups', join(folder, REMOVED_FOLDERS.backups)],
    ['project-files', join(folder, 'project.yaml')],
    ...(isBelow(accountList, folder) ? [['project-files', accountList] as const] : []),
  ]

  const flushNames = async (): Promise<number> => {
    let synced = 0
    for (const path of [state, folder, keystore]) if (await syncNames(path)) synced++
    return synced
  }

  return {
    countState: async () => {
      const files = await listFiles(state)
      return count(
        files
          .filter(({ path }) => !LAST.has(relative(state, path)))
          .map((file) => [classOf(relative(state, file.path)), file] as const),
      )
    },

    removeState: async () => {
      for (const name of await namesIn(state)) {
        if (LAST.has(name)) continue
        // A log is in the clear: ids and numbers, but in the clear. So may be what this version does not know.
        const clear = ['logs', 'other-state'].includes(classOf(name))
        await removeTree(join(state, name), clear ? 'overwrite' : 'unlink')
      }
      await syncNames(state)
      await assertGone(state, LAST)
    },

    countDocuments: async () => {
      const found: (readonly [ObjectClass, FoundFile])[] = []
      const digests: RemovedDocument[] = []
      for (const [kind, path] of documents) {
        for (const file of await listFiles(path)) {
          found.push([kind, file])
          if (kind !== 'reports' || !file.plain) continue
          const name = relative(folder, file.path).split(sep).join('/')
          digests.push({ name, bytes: file.bytes, sha256: await digestFile(file.bytePath) })
        }
      }
      const outside = isBelow(accountList, folder) || !(await exists(accountList)) ? [] : [accountList]
      return { before: count(found), documents: digests, leftOutside: outside }
    },

    removeDocuments: async () => {
      for (const [, path] of documents) await removeTree(path, 'overwrite')
      await removeTree(state, 'overwrite')
      await flushNames()
      for (const path of [...documents.map(([, document]) => document), state]) await assertGone(path, new Set())
    },

    flush: async () => ({ synced: await flushNames(), trim: await trim([folder, keystore]) }),

    search: (needles, signal) => searchPlaces(searched, apart, needles, searching, signal),
  }
}

/** What is said to be removed is looked for again. */
async function assertGone(path: string, except: ReadonlySet<string>): Promise<void> {
  const left = (await listFiles(path)).filter((file) => !except.has(relative(path, file.path)))
  if (left.length === 0) return
  throw new SealpostError(
    'config',
    `sign-off: ${counted(left.length, 'file')} came back or could not be removed in ${path}`,
    {
      hint: 'find out what writes there, then run sealpost signoff again: it goes on from here',
    },
  )
}

/** Which class of objects a file of the state folder belongs to. */
function classOf(name: string): ObjectClass {
  const [first = ''] = name.split(sep)
  if (/^ledger\.db(?:\.rekeyed)?(?:-wal|-shm|-journal)?$/.test(first)) return 'ledger'
  if (first === 'backups' || first === 'restores') return 'ledger'
  if (first === 'credentials') return 'credentials'
  if (first === 'spool') return 'spool'
  if (first === 'log') return 'logs'
  if (
    first.endsWith('.tmp') ||
    first.endsWith('.lock') ||
    first.startsWith('left-') ||
    first.startsWith('lock.')
  ) {
    return 'temporary-files'
  }
  return 'other-state'
}

function count(found: readonly (readonly [ObjectClass, FoundFile])[]): readonly FileCount[] {
  const counts = new Map<ObjectClass, { files: number; bytes: number }>()
  for (const [kind, file] of found) {
    const entry = counts.get(kind) ?? { files: 0, bytes: 0 }
    counts.set(kind, { files: entry.files + 1, bytes: entry.bytes + file.bytes })
  }
  return [...counts].map(([kind, entry]) => ({ class: kind, ...entry }))
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  })
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}
