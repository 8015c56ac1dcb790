import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { arch, hostname, platform, release } from 'node:os'
import { UNKNOWN } from '../core/certificate.ts'
import { parseLsblk, readDisk, UNKNOWN_DISK } from './disks.ts'
import { coreFinding, hibernationFinding, swapFinding } from './inspect-memory.ts'
import {
  encryptionFinding,
  fileSystemFindings,
  projectMountFinding,
  snapshotFinding,
  syncFinding,
} from './inspect-storage.ts'
import {
  clockFinding,
  listenerFinding,
  permissionFinding,
  runtimeFinding,
  umaskFinding,
  versionFinding,
  type ProcessFacts,
} from './inspect-system.ts'
import { findMount, readDeviceNumber, readJournalMode } from './mounts.ts'
import type { Workstation } from './state.ts'

/** What is looked at. */
export interface Inspection {
  /** The folder of the shred slot: what its file system does decides about the method. */
  readonly slotFolder: string
  /** Null where only the workspace is looked at. */
  readonly projectFolder: string | null
  /** Folders that nobody else may enter. */
  readonly privateFolders: readonly string[]
  readonly user: string
  readonly process: ProcessFacts
  /** Milliseconds since 1970-01-01 UTC. */
  readonly now: number
}

const COMMAND_TIMEOUT_MS = 10_000
/**
 * Finds out what this workstation is and what of it could keep copies. Needs no rights; never throws. A finding that
 * cannot be made says `unknown` or `not readable`, and is never left out.
 */
export async function inspectWorkstation(inspection: Inspection): Promise<Workstation> {
  const { slotFolder, projectFolder, user } = inspection
  const folders = projectFolder === null ? [slotFolder] : [slotFolder, projectFolder]
  const mount = await findMount(slotFolder)
  const number = await readDeviceNumber(slotFolder)
  const disk = number === null ? UNKNOWN_DISK : await readDisk(number, await askLsblk())
  const findings = [
    ...fileSystemFindings(mount, mount === null ? null : await readJournalMode(mount)),
    ...(projectFolder === null ? [] : [await projectMountFinding(slotFolder, projectFolder)]),
    await snapshotFinding(mount, disk),
    encryptionFinding(disk),
    await swapFinding(),
    await hibernationFinding(),
    await coreFinding(),
    await syncFinding(folders),
    await permissionFinding(inspection.privateFolders),
    umaskFinding(inspection.process.umask),
    await listenerFinding(),
    await clockFinding(),
    runtimeFinding(inspection.process),
    versionFinding(inspection.process, inspection.now),
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

function askLsblk(): Promise<ReturnType<typeof parseLsblk>> {
  if (platform() !== 'linux') return Promise.resolve(null)
  const words = ['-J', '-d', '-o', 'NAME,MODEL,SERIAL']
  return new Promise((resolve) => {
    execFile('lsblk', words, { timeout: COMMAND_TIMEOUT_MS, windowsHide: true }, (error, stdout) => {
      resolve(error === null ? parseLsblk(stdout) : null)
    })
  })
}
