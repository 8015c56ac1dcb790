import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, readFile } from 'node:fs/promises'
import { arch, hostname, platform, release } from 'node:os'
import { dirname, join } from 'node:path'
import { NOT_READABLE, UNKNOWN, type EnvironmentFinding } from '../core/certificate.ts'
import { parseLsblk, readDisk, UNKNOWN_DISK, type Disk } from './disks.ts'
import { findMount, overwriteOf, readDeviceNumber, readJournalMode, type Mount } from './mounts.ts'
import type { Workstation } from './state.ts'

/** What is looked at. */
export interface Inspection {
  /** The folder of the shred slot: what its file system does decides about the method. */
  readonly slotFolder: string
  readonly projectFolder: string
  readonly user: string
}

const COMMAND_TIMEOUT_MS = 10_000
const SYNC_MARKERS = ['.dropbox', '.dropbox.cache', '.stfolder', '.owncloudsync.log', '.sync_folder']
const SYNC_NAMES =
  /(?:^|[/\\])(?:Dropbox|OneDrive[^/\\]*|Google ?Drive|Nextcloud|ownCloud|iCloud[^/\\]*|Mobile Documents|pCloud[^/\\]*|MEGA)(?:[/\\]|$)/i

/**
 * Finds out what this workstation is and what of it could keep copies. Needs no rights; never throws. A finding that
 * cannot be made says `unknown` or `not readable`, and is never left out.
 */
export async function inspectWorkstation(inspection: Inspection): Promise<Workstation> {
  const { slotFolder, projectFolder, user } = inspection
  const mount = await findMount(slotFolder)
  const number = await readDeviceNumber(slotFolder)
  const disk = number === null ? UNKNOWN_DISK : await readDisk(number, await askLsblk())
  const findings = [
    ...fileSystemFindings(mount, mount === null ? null : await readJournalMode(mount)),
    await projectMountFinding(slotFolder, projectFolder),
    snapshotFinding(mount, disk),
    encryptionFinding(disk),
    await swapFinding(),
    await hibernationFinding(),
    await coreFinding(),
    await syncFinding([slotFolder, projectFolder]),
    {
      code: 'backup-software',
      state: 'unknown',
      text: 'whether software made backups of this workstation is unknown; the folder of shred keys is marked not to be backed up (CACHEDIR.TAG)',
    } as const,
  ]
  return {
    manufacturer: disk.manufacturer,
    model: disk.model,
    serial: disk.serial,
    mediaType: disk.mediaType,
    fileSystem: mount === null ? UNKNOWN : `${mount.type} on ${mount.device}, mounted at ${mount.point}`,
    diskEncryption: disk.encryption,
    hostSha256: createHash('sha256').update(hostname(), 'utf8').digest('hex'),
    user: user === '' ? UNKNOWN : user,
    operatingSystem: `${platform()} ${release()} ${arch()}`,
    findings,
  }
}

function fileSystemFindings(mount: Mount | null, journal: string | null): readonly EnvironmentFinding[] {
  if (mount === null) {
    return [
      { code: 'file-system', state: 'unknown', text: `file system of the shred key: ${NOT_READABLE}` },
      { code: 'copy-on-write', state: 'unknown', text: 'whether it copies on write is unknown' },
      { code: 'journal', state: 'unknown', text: 'whether it journals data is unknown' },
    ]
  }
  const overwrite = overwriteOf(mount.type)
  const known = overwrite !== 'unknown'
  const journaled = journal === 'journal'
  const ext = /^ext[34]$/.test(mount.type)
  return [
    {
      code: 'file-system',
      state: known ? 'good' : 'unknown',
      text: `file system of the shred key: ${mount.type}${known ? '' : ', which is not known to overwrite in place'}`,
    },
    {
      code: 'copy-on-write',
      state: overwrite === 'in place' ? 'good' : known ? 'adverse' : 'unknown',
      text:
        overwrite === 'in place'
          ? 'it overwrites in place'
          : known
            ? 'it copies on write: old blocks of the slot stay until they are used again'
            : 'whether it copies on write is unknown',
    },
    {
      code: 'journal',
      state: journaled ? 'adverse' : ext && journal === null ? 'unknown' : 'good',
      text: journaled
        ? 'data is journaled (data=journal): copies of the slot may stand in the journal'
        : ext && journal === null
          ? 'whether data is journaled is not readable'
          : `data is not journaled${journal === null ? '' : journal === 'none' ? ' (no journal)' : ` (data=${journal})`}`,
    },
  ]
}

async function projectMountFinding(slotFolder: string, projectFolder: string): Promise<EnvironmentFinding> {
  const [slot, project] = [await findMount(slotFolder), await findMount(projectFolder)]
  if (project === null) {
    return { code: 'project-file-system', state: 'unknown', text: `file system of the project: ${NOT_READABLE}` }
  }
  const same = slot?.point === project.point
  return {
    code: 'project-file-system',
    state: 'good',
    text: `file system of the project: ${project.type}${same ? ', the same one' : ''}; only sealed data was kept there, and the files that the client's side reads`,
  }
}

function snapshotFinding(mount: Mount | null, disk: Disk): EnvironmentFinding {
  const code = 'snapshots'
  if (disk.snapshots !== null && disk.snapshots.length > 0) {
    const names = disk.snapshots.slice(0, 5).join(', ')
    return { code, state: 'adverse', text: `snapshots of volumes exist on this system: ${names}` }
  }
  if (mount !== null && mount.type === 'tmpfs') {
    return { code, state: 'good', text: 'the file system lies in memory and has no snapshots' }
  }
  if (mount === null || disk.snapshots === null || overwriteOf(mount.type) !== 'in place') {
    return { code, state: 'unknown', text: 'whether snapshots exist is unknown' }
  }
  return {
    code,
    state: 'good',
    text: 'no snapshot is known: the file system has none of its own, and no volume of this system has one; snapshots of a virtual disk by its host cannot be seen',
  }
}

function encryptionFinding(disk: Disk): EnvironmentFinding {
  const encrypted = disk.encryption.startsWith('encrypted')
  return {
    code: 'disk-encryption',
    state: encrypted ? 'good' : disk.encryption === UNKNOWN ? 'unknown' : 'adverse',
    text: `disk: ${disk.encryption}`,
  }
}

async function swapFinding(): Promise<EnvironmentFinding> {
  const code = 'swap'
  const text = await readFile('/proc/swaps', 'utf8').catch(() => null)
  if (text === null) return { code, state: 'unknown', text: `swap: ${NOT_READABLE}` }
  const areas = text.trim().split('\n').slice(1)
  if (areas.length === 0) return { code, state: 'good', text: 'no swap is in use' }
  const names = areas.map((line) => line.split(/\s+/)[0] ?? '')
  if (names.every((name) => /^\/dev\/zram\d+$/.test(name))) {
    return { code, state: 'good', text: 'swap lies in compressed memory only (zram)' }
  }
  return {
    code,
    state: 'adverse',
    text: 'swap is in use: memory with keys or mail may have been written to it while the project was worked on',
  }
}

async function hibernationFinding(): Promise<EnvironmentFinding> {
  const code = 'hibernation'
  const states = await readFile('/sys/power/state', 'utf8').catch(() => null)
  if (states === null) return { code, state: 'unknown', text: `hibernation: ${NOT_READABLE}` }
  const resume = (await readFile('/sys/power/resume', 'utf8').catch(() => '')).trim()
  if (!/\bdisk\b/.test(states) || resume === '0:0') {
    return { code, state: 'good', text: 'hibernation to disk is not set up' }
  }
  return { code, state: 'adverse', text: 'hibernation to disk is possible: it writes the whole memory to it' }
}

async function coreFinding(): Promise<EnvironmentFinding> {
  const code = 'core-dumps'
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => null)
  const soft = limits === null ? undefined : /^Max core file size\s+(\S+)/m.exec(limits)?.[1]
  if (soft === undefined) return { code, state: 'unknown', text: `limit of core dumps: ${NOT_READABLE}` }
  if (soft === '0') return { code, state: 'good', text: 'core dumps are off for this process' }
  const pattern = (await readFile('/proc/sys/kernel/core_pattern', 'utf8').catch(() => UNKNOWN)).trim()
  return {
    code,
    state: 'adverse',
    text: `core dumps are possible (limit ${soft}, pattern ${printablePattern(pattern)})`,
  }
}

async function syncFinding(folders: readonly string[]): Promise<EnvironmentFinding> {
  const code = 'sync-folder'
  for (const folder of folders) {
    if (SYNC_NAMES.test(folder) || (await hasSyncMarker(folder))) {
      return { code, state: 'adverse', text: 'project or workspace lie in a folder that looks synchronised' }
    }
  }
  return { code, state: 'good', text: 'no sign of a synchronised folder around project or workspace' }
}

async function hasSyncMarker(folder: string): Promise<boolean> {
  let current = folder
  for (;;) {
    for (const marker of SYNC_MARKERS) {
      const there = await access(join(current, marker)).then(
        () => true,
        () => false,
      )
      if (there) return true
    }
    const parent = dirname(current)
    if (parent === current) return false
    current = parent
  }
}

function askLsblk(): Promise<ReturnType<typeof parseLsblk>> {
  if (platform() !== 'linux') return Promise.resolve(null)
  const words = ['-J', '-d', '-o', 'NAME,MODEL,SERIAL']
  return new Promise((resolve) => {
    execFile('lsblk', words, { timeout: COMMAND_TIMEOUT_MS, windowsHide: true }, (error, stdout) => {
      resolve(error === null ? parseLsblk(stdout) : null)
    })
  })
}

function printablePattern(pattern: string): string {
  return pattern.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 80)
}
