import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of one test, and the raw device below it where there is one. */
export interface Disk {
  readonly folder: string
  /** Everything that is on the device now, used blocks and free ones; null where the folder is a plain one. */
  readRaw(): Buffer | null
  close(): void
}

const IMAGE_BYTES = 40 * 1024 * 1024

/**
 * An ext4 file system of its own on a loop device, mounted. Where that cannot be had it is a plain folder, and `why` says why:
 * the raw image then shows nothing.
 */
export function makeDisk(): { readonly disk: Disk; readonly why: string | null } {
  const base = mkdtempSync(join(tmpdir(), 'sealpost-leaks-'))
  const image = join(base, 'image')
  const folder = join(base, 'disk')
  mkdirSync(folder, { mode: 0o700 })
  const why = mountImage(image, folder)
  return {
    why,
    disk: {
      folder,
      readRaw: () => {
        if (why !== null) return null
        execFileSync('sync', ['-f', folder])
        return readFileSync(image)
      },
      close: () => {
        if (why === null) execFileSync('umount', [folder])
        rmSync(base, { recursive: true, force: true })
      },
    },
  }
}

/** Null when it worked, else the reason. The loop device goes with the mount. */
function mountImage(image: string, folder: string): string | null {
  if (process.platform !== 'linux') return 'loop devices are of Linux'
  if (process.getuid?.() !== 0) return 'only root may mount'
  if (!existsSync('/dev/loop-control')) return 'no loop devices'
  const file = openSync(image, 'w', 0o600)
  ftruncateSync(file, IMAGE_BYTES)
  closeSync(file)
  try {
    execFileSync('mkfs.ext4', ['-q', '-F', image], { stdio: 'pipe' })
    execFileSync('mount', ['-o', 'loop', image, folder], { stdio: 'pipe' })
    return null
  } catch (error) {
    return `no loop device can be had here: ${String((error as { stderr?: Buffer }).stderr).trim()}`
  }
}
