import { existsSync } from 'node:fs'
import { readdir, realpath } from 'node:fs/promises'
import { homedir, platform, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { CERTIFICATE_FOLDER } from '../../core/certificate.ts'
import { codeOf } from '../../core/system-faults.ts'
import { fileError } from '../../files/file-error.ts'
import { REMOVED_FOLDERS } from '../../signoff/project-files.ts'
import type { SearchPlace } from '../../signoff/search-folders.ts'
import type { AccountPair } from '../config/mailboxes-csv.ts'
import { isFileEnd, type ProjectConfig } from '../config/project-types.ts'
import { fillTemplate } from '../config/templates.ts'
import { isPathWithin } from '../path-within.ts'

/** Files in which shells keep what was typed: where a password ends up that was typed in the wrong place. */
const HISTORIES = [
  '.bash_history',
  '.zsh_history',
  '.histfile',
  '.local/share/fish/fish_history',
  '.local/share/powershell/PSReadLine/ConsoleHost_history.txt',
  'AppData/Roaming/Microsoft/Windows/PowerShell/PSReadLine/ConsoleHost_history.txt',
  '.node_repl_history',
  '.python_history',
]

/** Every folder in which something of a project could lie: its own, the workspace, logs, temporary files, shell histories. */
export async function searchedPlaces(
  folder: string,
  state: string,
  home: string,
): Promise<readonly SearchPlace[]> {
  const temporary = [tmpdir(), ...(platform() === 'linux' ? ['/var/tmp', '/dev/shm'] : [])]
  const places: SearchPlace[] = [
    { place: 'logs', path: join(state, 'log') },
    { place: 'project', path: folder },
    { place: 'workspace', path: home },
    ...[...new Set(temporary)].map((path) => ({ place: 'temporary', path })),
    ...HISTORIES.map((name) => join(homedir(), name))
      .filter((path) => existsSync(path))
      .map((path) => ({ place: 'shell history', path })),
  ]
  const real = await Promise.all(places.map(async ({ place, path }) => ({ place, path: await realPathOf(path) })))
  // A temporary folder may be a link to another one.
  return real.filter(({ path }, index) => real.findIndex((other) => other.path === path) === index)
}

/** The folders of mail stores that are ends of the migration: what lies there is the mail itself. */
export async function mailStoresOf(
  folder: string,
  config: ProjectConfig,
  accounts: readonly AccountPair[],
): Promise<readonly string[]> {
  const stores = (['source', 'destination'] as const).flatMap((side) => {
    const end = config[side]
    if (!isFileEnd(end)) return []
    return accounts.map((pair) => resolve(folder, fillTemplate(end.path, { account: pair[side], admin: '' })))
  })
  return Promise.all([...new Set(stores)].map(realPathOf))
}

/**
 * What holds mail and lies where sign-off removes everything, or around such a place: to be moved first. The folder that an
 * end's path names before its first placeholder counts too, since accounts may have been struck off the list meanwhile.
 * Without settings (`config` null) nobody knows where mail is: any folder in those that are removed may hold some.
 */
export async function storesInTheWay(
  folder: string,
  state: string,
  config: ProjectConfig | null,
  stores: readonly string[],
): Promise<readonly string[]> {
  const documents = Object.values(REMOVED_FOLDERS).map((name) => join(folder, name))
  if (config === null) return (await Promise.all(documents.map(foldersIn))).flat()
  const removed = await Promise.all([...documents, state, join(folder, CERTIFICATE_FOLDER)].map(realPathOf))
  const roots = [config.source, config.destination].flatMap((end) =>
    isFileEnd(end) ? [resolve(folder, end.path.replace(/[^/\\]*\{.*$/s, ''))] : [],
  )
  const inside = (path: string): boolean => removed.some((other) => isPathWithin(path, other))
  const around = (path: string): boolean => removed.some((other) => isPathWithin(other, path))
  const found = stores.filter((store) => inside(store) || around(store))
  if (found.length > 0) return found
  return (await Promise.all([...new Set(roots)].map(realPathOf))).filter(inside)
}

async function foldersIn(path: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name))
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return []
    throw fileError(error, 'read', path)
  }
}

/** Where the project's list of accounts really lies: a link may lead out of the folder, to what is not the project's. */
export async function accountListOf(folder: string, config: ProjectConfig | null): Promise<string> {
  return realPathOf(resolve(folder, config?.mailboxes ?? 'mailboxes.csv'))
}

async function realPathOf(path: string): Promise<string> {
  return realpath(path).catch(() => path)
}
