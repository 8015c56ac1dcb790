import { existsSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { homedir, platform, tmpdir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
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

/** Mail stores that lie where sign-off removes everything, or hold such a place: to be moved first. */
export function storesInTheWay(folder: string, state: string, stores: readonly string[]): readonly string[] {
  const removed = [join(folder, 'reports'), state, join(folder, 'certificate')]
  return stores.filter((store) => removed.some((path) => isPathWithin(store, path) || isPathWithin(path, store)))
}

/** Where the project keeps its list of accounts. */
export function accountListOf(folder: string, config: ProjectConfig | null): string {
  const named = config?.mailboxes ?? 'mailboxes.csv'
  return isAbsolute(named) ? named : join(folder, named)
}

async function realPathOf(path: string): Promise<string> {
  return realpath(path).catch(() => path)
}
