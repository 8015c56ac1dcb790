import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { factOf, type ProbeFinding } from '../../core/probe.ts'
import { readDependencies, runsOnPackedNode } from '../version.ts'

/** Programs that are used where they are there: what is lost without each, and the Debian package that has it. */
const PROGRAMS: readonly {
  readonly name: string
  readonly lost: string
  readonly debian: string
  /** The program does something for safety; the others are for checking by a second tool. */
  readonly needed: boolean
  readonly linuxOnly: boolean
}[] = [
  { name: 'prlimit', lost: 'core dumps cannot be forbidden', debian: 'util-linux', needed: true, linuxOnly: true },
  {
    name: 'lsblk',
    lost: 'the certificate cannot name the disk',
    debian: 'util-linux',
    needed: false,
    linuxOnly: true,
  },
  { name: 'fstrim', lost: 'sign-off cannot ask for TRIM', debian: 'util-linux', needed: false, linuxOnly: true },
  {
    name: 'ssh-keygen',
    lost: 'no second tool checks certificates',
    debian: 'openssh-client',
    needed: false,
    linuxOnly: false,
  },
  {
    name: 'minisign',
    lost: 'no second tool checks certificates',
    debian: 'minisign',
    needed: false,
    linuxOnly: false,
  },
  {
    name: 'age',
    lost: 'no second tool opens or makes sealed files',
    debian: 'age',
    needed: false,
    linuxOnly: false,
  },
]

/** Looked at whatever the path says. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** Programs and packages that are missing. `path` and the system's folders are where programs are looked for. Never throws. */
export async function checkPrograms(path: string, system = SYSTEM_FOLDERS): Promise<readonly ProbeFinding[]> {
  const folders = [...new Set([...path.split(delimiter), ...system])].filter(Boolean)
  const findings: ProbeFinding[] = []
  for (const program of PROGRAMS) {
    if (program.linuxOnly && process.platform !== 'linux') continue
    if (await isThere(program.name, folders)) continue
    findings.push({
      code: 'program-missing',
      state: program.needed ? 'adverse' : 'unknown',
      text: `${program.name} is not installed: ${program.lost}`,
      hint: `install it (Debian: apt install ${program.debian})`,
    })
  }
  if (findings.length === 0) findings.push(factOf('programs', 'every program that is used is installed'))
  return [...findings, ...missingPackages(), await checkDatabase()]
}

function missingPackages(): readonly ProbeFinding[] {
  const require = createRequire(import.meta.url)
  const names = readDependencies()
  const missing = names.filter((name) => {
    const places = require.resolve.paths(name) ?? []
    return !places.some((place) => isFile(require, join(place, name, 'package.json')))
  })
  if (missing.length === 0) return [factOf('packages', `all ${names.length} packages are there`)]
  return [
    {
      code: 'packages',
      state: 'adverse',
      text: `packages are missing: ${missing.join(', ')}`,
      hint: runsOnPackedNode()
        ? 'unpack the archive again'
        : 'install sealpost again (npm ci, from its lock file)',
    },
  ]
}

/** The one package with code of the machine's own: whether it loads and encrypts is shown by doing it. */
async function checkDatabase(): Promise<ProbeFinding> {
  const folder = await mkdtemp(join(tmpdir(), 'sealpost-doctor-'))
  try {
    const { openDatabase } = await import('../../sqlite/open-database.ts')
    openDatabase(join(folder, 'probe.db'), randomBytes(32), { migrations: [] }).close()
    return factOf('database', 'an encrypted database can be made')
  } catch {
    return {
      code: 'database',
      state: 'adverse',
      text: 'no encrypted database can be made',
      hint: runsOnPackedNode()
        ? 'unpack the archive again, or take the one that was made on a machine of this kind'
        : 'install sealpost again with npm ci, which builds better-sqlite3 for this machine',
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function isThere(name: string, folders: readonly string[]): Promise<boolean> {
  const file = process.platform === 'win32' ? `${name}.exe` : name
  for (const folder of folders) {
    const found = await access(join(folder, file), constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return true
  }
  return false
}

function isFile(require: NodeJS.Require, path: string): boolean {
  try {
    require.resolve(path)
    return true
  } catch {
    return false
  }
}
