// What both commands of the README do before anything else. Plain JavaScript on Node's own modules alone, because
// nothing is installed yet when it runs (docs/decisions/0001-tools.md).
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** A step of the set-up went wrong; `message` says which, in one line. */
export class SetUpError extends Error {}

/**
 * Runs a program with this terminal's output and no input. Throws `SetUpError` when it cannot be started or fails.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string> }} [options]
 */
export function run(program, args, options = {}) {
  const { status, error, signal } = spawnSync(program, args, {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (error === undefined && status === 0) return
  const how = error?.message ?? (signal === null ? `exit ${String(status)}` : signal)
  throw new SetUpError(`${[program, ...args].join(' ')}: ${how}`)
}

/**
 * Prints a line that says what the set-up does now.
 * @param {string} text
 */
export function say(text) {
  process.stdout.write(`> ${text}\n`)
}

/**
 * Why the installed modules of a folder are not what its lock file names, or null when they are.
 * Compares with what npm itself wrote down after the last install.
 * @param {string} folder
 * @returns {string | null}
 */
export function staleModules(folder) {
  const wanted = readLock(join(folder, 'package-lock.json'))
  const installed = readLock(join(folder, 'node_modules', '.package-lock.json'))
  if (wanted === null) throw new SetUpError(`${folder}: package-lock.json is missing or not JSON`)
  if (installed === null) return 'nothing is installed'
  for (const [path, entry] of Object.entries(wanted)) {
    const there = installed[path]
    if (path === '' || (there === undefined && entry.optional === true)) continue
    if (there === undefined) return `${path} is missing`
    if (there.version !== entry.version || there.integrity !== entry.integrity) {
      return `${path} is not at ${entry.version ?? 'its locked version'}`
    }
  }
  return null
}

/** @typedef {{ version?: string, integrity?: string, optional?: boolean }} LockEntry */

/**
 * @param {string} file
 * @returns {Record<string, LockEntry> | null}
 */
function readLock(file) {
  try {
    const lock = /** @type {{ packages?: Record<string, LockEntry> }} */ (JSON.parse(readFileSync(file, 'utf8')))
    return lock.packages ?? null
  } catch {
    return null
  }
}

/**
 * Brings node_modules of a folder to its lock file; does nothing when they agree.
 * @param {string} folder
 */
export function installModules(folder) {
  const reason = staleModules(folder) ?? (folder === root ? brokenDatabase() : null)
  if (reason === null) return
  say(`npm ci in ${relative(root, folder) || 'the repository'}: ${reason}`)
  const npm = process.env['npm_execpath']
  if (npm === undefined) run('npm', ['ci'], { cwd: folder })
  else run(process.execPath, [npm, 'ci'], { cwd: folder })
}

/** The one native module is bound to a version of Node: another Node needs it built again. */
function brokenDatabase() {
  const { status } = spawnSync(process.execPath, ['-e', "new (require('better-sqlite3'))(':memory:').close()"], {
    cwd: root,
    stdio: 'ignore',
  })
  return status === 0 ? null : 'the database module does not load on this Node'
}

/**
 * The Debian packages that the test suites name, from test/packages.txt.
 * @returns {string[]}
 */
export function wantedPackages() {
  return readFileSync(join(root, 'test', 'packages.txt'), 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
}

/**
 * Those of the named Debian packages that are not installed; all of them where there is no dpkg.
 * @param {readonly string[]} names
 * @returns {string[]}
 */
export function missingPackages(names) {
  const { stdout, error } = spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Status} ${Package}\n', ...names], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const lines = error === undefined ? stdout.split('\n') : []
  const installed = new Set(lines.map((line) => line.replace(/^installed /, '')))
  return names.filter((name) => !installed.has(name))
}

/** Installs what is missing of test/packages.txt when that is possible here; says so when it is not. */
export function installPackages() {
  const missing = missingPackages(wantedPackages())
  if (missing.length === 0) return
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    say(`not installed, and only root on Debian can: ${missing.join(' ')}; suites that need them are skipped`)
    return
  }
  say(`apt-get install ${missing.join(' ')}`)
  // RUNLEVEL=1: a server that is installed for tests must not be started as a service of this machine.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  run('apt-get', ['update', '-qq'], { env })
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { env })
}
