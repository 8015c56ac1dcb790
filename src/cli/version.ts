import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The version in the package's package.json, which lies above this file, built or not. */
export function readVersion(): string {
  const { version } = readPackage()
  return typeof version === 'string' ? version : 'unknown'
}

/** Names of the packages that this one needs. */
export function readDependencies(): readonly string[] {
  const { dependencies } = readPackage()
  return typeof dependencies === 'object' && dependencies !== null ? Object.keys(dependencies) : []
}

function readPackage(): Readonly<Record<string, unknown>> {
  let folder = dirname(fileURLToPath(import.meta.url))
  for (let level = 0; level < 5; level++) {
    try {
      const parsed: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      if (typeof parsed === 'object' && parsed !== null && 'version' in parsed) return { ...parsed }
    } catch {
      // Not here: one level up.
    }
    folder = dirname(folder)
  }
  return {}
}
