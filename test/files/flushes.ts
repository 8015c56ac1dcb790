import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { vi } from 'vitest'

/** Something that was brought to the disk, as it stood just then: a file with its bytes, or a folder with its names. */
export interface Flush {
  readonly path: string
  readonly bytes: Buffer | null
  readonly names: readonly string[]
}

/** Why flushes cannot be watched here, else false. */
export const UNWATCHABLE = process.platform !== 'linux'

/** Notes all that this process brings to the disk from now on, until mocks are restored. */
export async function watchFlushes(): Promise<Flush[]> {
  const handle = await open('/dev/null', 'r')
  const prototype = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  const flushes: Flush[] = []
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const sync = prototype.sync
  vi.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
    const path = readlinkSync(`/proc/self/fd/${this.fd}`)
    const isFolder = statSync(path).isDirectory()
    flushes.push({
      path,
      bytes: isFolder ? null : readFileSync(path),
      names: isFolder ? readdirSync(path).sort() : [],
    })
    await sync.call(this)
  })
  return flushes
}
