import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Names, contents and times of everything below a folder as text; of files the access times too. */
export async function snapshotOf(directory: string): Promise<string> {
  const lines: string[] = []
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const { size, mode, mtimeNs, ctimeNs, atimeNs, ino } = await stat(path, { bigint: true })
    const content = entry.isFile() ? `${atimeNs} ${await digestOf(path)}` : ''
    lines.push([path, size, mode, mtimeNs, ctimeNs, ino, content].join(' '))
  }
  return lines.sort().join('\n')
}

async function digestOf(path: string): Promise<string> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOATIME)
  try {
    return createHash('sha256')
      .update(await handle.readFile())
      .digest('hex')
  } finally {
    await handle.close()
  }
}
