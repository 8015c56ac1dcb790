import { missingPackages } from '../scripts/set-up.mjs'

/**
 * Why a suite that needs these Debian packages cannot run here, or null when it can. For `describe.skipIf`; every
 * name must stand in test/packages.txt, which the architecture suite checks.
 */
export function lacking(...packages: readonly string[]): string | null {
  const missing = missingPackages(packages)
  return missing.length === 0 ? null : `Debian packages not installed: ${missing.join(' ')}`
}
