import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Debian's Dovecot, Cyrus and Courier conflict with one another, and installing the latter two brings a mail transport
 * agent that listens. So nothing is installed: their packages are fetched by apt and unpacked into a folder of the
 * tests' own, and the servers run from there, with the libraries that lie beside them.
 */
const PACKAGES: readonly string[] = [
  ...['cyrus-imapd', 'cyrus-common', 'sasl2-bin', 'libsasl2-modules', 'libsasl2-modules-db'],
  ...['courier-imap', 'courier-authlib'],
  ...['libical3', 'libxapian30', 'libpcre3', 'libcourier-unicode4', 'libidn12', 'libgamin0', 'gamin', 'libltdl7'],
]

/** Where the packages lie. */
export const PACKAGES_FOLDER = join(import.meta.dirname, '.packages')
const ROOT = join(PACKAGES_FOLDER, 'root')
const FAILED = join(PACKAGES_FOLDER, 'failed')

/** The path of an unpacked file. */
export function unpacked(path: string): string {
  return join(ROOT, path)
}

/** What the servers need in their environment to find their libraries. */
export function unpackedEnvironment(): Record<string, string> {
  const folders = ['usr/lib', 'lib', 'usr/lib/courier/courier-authlib']
  for (const parent of ['usr/lib', 'lib']) {
    if (!existsSync(unpacked(parent))) continue
    folders.push(
      ...readdirSync(unpacked(parent))
        .filter((name) => name.endsWith('-linux-gnu'))
        .map((name) => `${parent}/${name}`),
    )
  }
  const paths = folders.map(unpacked).filter((folder) => existsSync(folder))
  const plugins = paths.map((folder) => join(folder, 'sasl2')).filter((folder) => existsSync(folder))
  return { LD_LIBRARY_PATH: paths.join(':'), SASL_PATH: plugins.join(':'), PATH: '/usr/bin:/bin:/usr/sbin:/sbin' }
}

/**
 * Fetches and unpacks what is not there yet. Returns why that cannot be had here, or null. Twice is safe, and two
 * processes at once are: each works in a folder of its own, and one of them wins. A failure is remembered until the
 * folder is removed.
 */
export function unpackPackages(): string | null {
  if (existsSync(ROOT)) return null
  if (!existsSync('/usr/bin/apt-get')) return 'there is no apt-get'
  if (existsSync(FAILED)) return 'the packages of Cyrus and Courier could not be fetched'
  const work = join(PACKAGES_FOLDER, `work-${process.pid}`)
  mkdirSync(join(work, 'root'), { recursive: true })
  try {
    const run = (command: string, ...args: readonly string[]): boolean =>
      spawnSync(command, args, { cwd: work, stdio: 'ignore', timeout: 120_000 }).status === 0
    if (!run('apt-get', 'download', ...PACKAGES)) {
      writeFileSync(FAILED, 'apt-get download failed; remove this folder to try again\n')
      return 'the packages of Cyrus and Courier could not be fetched'
    }
    for (const name of readdirSync(work).filter((entry) => entry.endsWith('.deb'))) {
      if (!run('dpkg', '-x', name, 'root')) return `${name} could not be unpacked`
    }
    // Documents and configuration are not needed, and would be found by whoever looks over this tree.
    for (const name of ['etc', 'var', 'usr/share', 'usr/lib/systemd', 'lib/systemd']) {
      rmSync(join(work, 'root', name), { recursive: true, force: true })
    }
    if (!existsSync(ROOT)) renameSync(join(work, 'root'), ROOT)
    return null
  } catch (error) {
    // Another process was quicker.
    if (existsSync(ROOT)) return null
    throw error
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Which libraries a program lacks, as the reason not to run it; null when it can be started. */
export function whyNotStartable(program: string): string | null {
  const reason = unpackPackages()
  if (reason !== null) return reason
  if (!existsSync(unpacked(program))) return `${program} is not in its package`
  const { stdout } = spawnSync('ldd', [unpacked(program)], { env: unpackedEnvironment(), encoding: 'utf8' })
  const missing = stdout.split('\n').filter((line) => line.includes('not found'))
  return missing.length === 0 ? null : `lacks ${missing.map((line) => line.trim().split(' ')[0] ?? '').join(' ')}`
}
