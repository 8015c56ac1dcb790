import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The version in the package's package.json, which lies above this file, built or not. */
export function readVersion(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  for (let level = 0; level < 5; level++) {
    try {
      const parsed: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      if (typeof parsed === 'object' && parsed !== null && 'version' in parsed) return String(parsed.version)
    } catch {
      // Not here: one level up.
    }
    folder = dirname(folder)
  }
  return 'unknown'
}
