import { readdir, readFile, realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { NOT_READABLE, UNKNOWN } from '../core/certificate.ts'

/** A disk as far as the system shows it; every field says so where it does not. */
export interface Disk {
  readonly manufacturer: string
  readonly model: string
  readonly serial: string
  readonly mediaType: string
  /** `encrypted (…)`, `not encrypted …`, or that it is not known. */
  readonly encryption: string
  /** Names of snapshots of the layers above the disk; null where that cannot be told. */
  readonly snapshots: readonly string[] | null
}

/** A disk of which nothing is known. */
export const UNKNOWN_DISK: Disk = {
  manufacturer: UNKNOWN,
  model: UNKNOWN,
  serial: UNKNOWN,
  mediaType: UNKNOWN,
  encryption: UNKNOWN,
  snapshots: null,
}

/**
 * Reads what sysfs says of the disk below a device number. `root` stands for `/sys` and `lsblk` is what `lsblk -J` said
 * of all disks, or null. Never throws.
 */
export async function readDisk(
  deviceNumber: string,
  lsblk: ReadonlyMap<string, LsblkDisk> | null,
  root = '/sys',
): Promise<Disk> {
  let start: string
  try {
    start = await realpath(join(root, 'dev/block', deviceNumber))
  } catch {
    return UNKNOWN_DISK
  }
  const layers = await layersBelow(start)
  const disk = layers.at(-1) ?? start
  const name = basename(disk)
  const shown = lsblk?.get(name)
  const rotational = await readText(join(disk, 'queue/rotational'))
  const vendor = await readText(join(disk, 'device/vendor'))
  const model = (await readText(join(disk, 'device/model'))) ?? shown?.model ?? null
  const serial =
    (await readText(join(disk, 'device/serial'))) ??
    (await readText(join(disk, 'serial'))) ??
    shown?.serial ??
    null
  return {
    manufacturer: vendor === null || /^0x/.test(vendor) ? NOT_READABLE : vendor,
    model: model ?? NOT_READABLE,
    serial: serial ?? NOT_READABLE,
    mediaType: mediaTypeOf(name, rotational),
    encryption: await encryptionOf(layers),
    snapshots: await snapshotsOf(root),
  }
}

/** What `lsblk -J` says of a disk. */
export interface LsblkDisk {
  readonly model: string | null
  readonly serial: string | null
}

/** Reads the output of `lsblk -J -d -o NAME,MODEL,SERIAL`; null when it is not that. */
export function parseLsblk(text: string): ReadonlyMap<string, LsblkDisk> | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('blockdevices' in value)) return null
    if (!Array.isArray(value.blockdevices)) return null
    const disks = (value.blockdevices as readonly Readonly<Record<string, unknown>>[]).flatMap((device) => {
      const { name, model, serial } = device
      return typeof name === 'string' ? [[name, { model: textOf(model), serial: textOf(serial) }] as const] : []
    })
    return new Map(disks)
  } catch {
    return null
  }
}

/** The device itself and what lies below it: partition and device-mapper layers, the disk last. */
async function layersBelow(start: string): Promise<readonly string[]> {
  const layers = [start]
  for (let depth = 0; depth < 8; depth++) {
    const current = layers.at(-1) ?? start
    const [slave] = await namesIn(join(current, 'slaves'))
    if (slave !== undefined) layers.push(await realpath(join(current, 'slaves', slave)).catch(() => current))
    else if ((await readText(join(current, 'partition'))) !== null) layers.push(join(current, '..'))
    else break
  }
  return layers
}

async function encryptionOf(layers: readonly string[]): Promise<string> {
  for (const layer of layers) {
    const uuid = await readText(join(layer, 'dm/uuid'))
    if (uuid?.startsWith('CRYPT-') === true) return `encrypted (dm-crypt, ${uuid.split('-')[1] ?? UNKNOWN})`
  }
  // A disk may encrypt by itself, or the machine below a virtual one.
  return 'no encryption layer found by this system; one below it cannot be seen'
}

/** Volumes that device-mapper keeps for a snapshot carry these ends of their names. */
async function snapshotsOf(root: string): Promise<readonly string[] | null> {
  const names = await namesIn(join(root, 'block'))
  if (names.length === 0) return null
  const found: string[] = []
  for (const name of names.filter((candidate) => candidate.startsWith('dm-'))) {
    const uuid = await readText(join(root, 'block', name, 'dm/uuid'))
    const shown = await readText(join(root, 'block', name, 'dm/name'))
    if (uuid !== null && /-cow$/.test(uuid)) found.push(shown ?? name)
  }
  return found
}

function mediaTypeOf(name: string, rotational: string | null): string {
  if (name.startsWith('nvme')) return 'flash (NVMe)'
  if (name.startsWith('vd') || name.startsWith('xvd')) return 'virtual disk; what lies below it is unknown'
  if (name.startsWith('zram') || name.startsWith('ram')) return 'memory'
  if (rotational === '0') return 'flash (not rotational)'
  return rotational === '1' ? 'magnetic (rotational), or a controller that says so' : UNKNOWN
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => [])
}

async function readText(path: string): Promise<string | null> {
  const text = await readFile(path, 'latin1').catch(() => '')
  return textOf(text)
}

function textOf(value: unknown): string | null {
  if (typeof value !== 'string') return null
  const text = value.replace(/[^\x20-\x7e]+/g, ' ').trim()
  return text === '' ? null : text
}
