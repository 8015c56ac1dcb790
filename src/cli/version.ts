import { readFileSync, realpathSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The version in the package's package.json, which lies above this file, built or not. */
export function readVersion(): string {
  const { version } = readPackage().content
  return typeof version === 'string' ? version : 'unknown'
}

/** Names of the packages that this one needs. */
export function readDependencies(): readonly string[] {
  const { dependencies } = readPackage().content
  return typeof dependencies === 'object' && dependencies !== null ? Object.keys(dependencies) : []
}

/**
 * True when this process is the Node that came with the program in one archive: `npm run package` names it in the archive's
 * package.json. The same files run by another Node are not that.
 */
export function runsOnPackedNode(): boolean {
  const { folder, content } = readPackage()
  if (typeof content['packedNode'] !== 'string') return false
  try {
    return realpathSync(resolve(folder, content['packedNode'])) === realpathSync(process.execPath)
  } catch {
    return false
  }
}

function readPackage(): { readonly folder: string; readonly content: Readonly<Record<string, unknown>> } {
  let folder = dirname(fileURLToPath(import.meta.url))
  for (let level = 0; level < 5; level++) {
    try {
      const parsed: unknown = JSON.parse(readFileSync(resolve(folder, 'package.json'), 'utf8'))
      if (typeof parsed === 'object' && parsed !== null && 'version' in parsed)
        return { folder, content: { ...parsed } }
    } catch {
      // Not here: one level up.
    }
    folder = dirname(folder)
  }
  return { folder, content: {} }
}
