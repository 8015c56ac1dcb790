import { access, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { NOT_READABLE, UNKNOWN, type EnvironmentFinding } from '../core/certificate.ts'
import type { Disk } from './disks.ts'
import { findMount, overwriteOf, type Mount } from './mounts.ts'

const SYNC_MARKERS = ['.dropbox', '.dropbox.cache', '.stfolder', '.owncloudsync.log', '.sync_folder']
const SYNC_NAMES =
  /(?:^|[/\\])(?:Dropbox|OneDrive[^/\\]*|Google ?Drive|Nextcloud|ownCloud|iCloud[^/\\]*|Mobile Documents|pCloud[^/\\]*|MEGA)(?:[/\\]|$)/i

/** Where ZFS, snapper and Timeshift keep snapshots, below the mount. */
const SNAPSHOT_FOLDERS = ['.zfs/snapshot', '.snapshots', 'timeshift/snapshots', 'timeshift-btrfs/snapshots']

/** What the file system of the shred key does when it is overwritten. */
export function fileSystemFindings(mount: Mount | null, journal: string | null): readonly EnvironmentFinding[] {
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

/** Where the project lies. */
export async function projectMountFinding(slotFolder: string, projectFolder: string): Promise<EnvironmentFinding> {
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

/** Whether something keeps old states of these blocks. */
export async function snapshotFinding(mount: Mount | null, disk: Disk): Promise<EnvironmentFinding> {
  const code = 'snapshots'
  const found = [...(disk.snapshots ?? []), ...(mount === null ? [] : await snapshotsBelow(mount))]
  if (found.length > 0) {
    const names = found.slice(0, 5).join(', ')
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

/** Whether the disk is encrypted. */
export function encryptionFinding(disk: Disk): EnvironmentFinding {
  const encrypted = disk.encryption.startsWith('encrypted')
  return {
    code: 'disk-encryption',
    state: encrypted ? 'good' : disk.encryption === UNKNOWN ? 'unknown' : 'adverse',
    text: `disk: ${disk.encryption}`,
  }
}

/** Whether something carries these folders to another computer. */
export async function syncFinding(folders: readonly string[]): Promise<EnvironmentFinding> {
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

async function snapshotsBelow(mount: Mount): Promise<readonly string[]> {
  const named = await Promise.all(
    SNAPSHOT_FOLDERS.map(async (folder) => {
      const path = join(mount.point, folder)
      return (await readdir(path).catch(() => [])).map((name) => join(path, name))
    }),
  )
  return named.flat()
}
