import { readFile, realpath, stat } from 'node:fs/promises'

/** A mounted file system. */
export interface Mount {
  readonly device: string
  readonly point: string
  readonly type: string
  readonly options: readonly string[]
}

/** What a kind of file system does when a file is overwritten in place. */
export type Overwrite = 'in place' | 'copy-on-write' | 'unknown'

/** Measured or documented to write over a file's own blocks, where data is not journaled. */
const IN_PLACE = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'tmpfs', 'jfs', 'vfat', 'exfat', 'msdos'])
const COPY_ON_WRITE = new Set(['btrfs', 'zfs', 'bcachefs', 'nilfs2', 'f2fs', 'apfs', 'refs'])

/** Reads the lines of /proc/mounts (fstab(5): blanks and the like stand there as `\040`). Lines of another form are passed over. */
export function parseMounts(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    const [device, point, type, options] = line.split(' ')
    if (device === undefined || point === undefined || type === undefined || options === undefined) return []
    return [{ device: unescape(device), point: unescape(point), type, options: options.split(',') }]
  })
}

/** The mount that a path lies on: the deepest one, and of several over one another the last. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | null {
  let found: Mount | null = null
  for (const mount of mounts) {
    const within = mount.point === '/' || path === mount.point || path.startsWith(`${mount.point}/`)
    if (within && mount.point.length >= (found?.point.length ?? 0)) found = mount
  }
  return found
}

/** How this file system overwrites, as far as its name says. */
export function overwriteOf(type: string): Overwrite {
  if (IN_PLACE.has(type)) return 'in place'
  return COPY_ON_WRITE.has(type) ? 'copy-on-write' : 'unknown'
}

/** The mount that an existing path lies on; null where the system does not say. Never throws. */
export async function findMount(path: string): Promise<Mount | null> {
  try {
    return mountOf(await realpath(path), parseMounts(await readFile('/proc/mounts', 'utf8')))
  } catch {
    return null
  }
}

/** How data is journaled (`journal`, `ordered`, `writeback`, `none`); null where the system does not say. Never throws. */
export async function readJournalMode(mount: Mount): Promise<string | null> {
  const named = mount.options.find((option) => option.startsWith('data='))
  if (named !== undefined) return named.slice('data='.length)
  if (!/^ext[34]$/.test(mount.type)) return null
  try {
    const name = mount.device.split('/').at(-1) ?? ''
    const options = await readFile(`/proc/fs/${mount.type}/${name}/options`, 'utf8')
    const mode = /^data=(\w+)$/m.exec(options)?.[1]
    if (mode !== undefined) return mode
    const task = await readFile(`/sys/fs/${mount.type}/${name}/journal_task`, 'utf8')
    return task.trim() === '<none>' ? 'none' : null
  } catch {
    return null
  }
}

/** Major and minor number of the device that a path lies on; null where there is none. Never throws. */
export async function readDeviceNumber(path: string): Promise<string | null> {
  try {
    return deviceNumberOf((await stat(path, { bigint: true })).dev)
  } catch {
    return null
  }
}

/** `major:minor` of a device as Linux packs them (makedev(3)). */
export function deviceNumberOf(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn)
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n)
  return `${major}:${minor}`
}

function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
