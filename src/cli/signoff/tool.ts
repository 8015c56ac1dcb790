import { readFileSync } from 'node:fs'
import { arch, platform } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UNKNOWN, type DeletionCertificate } from '../../core/certificate.ts'
import { readVersion } from '../version.ts'

/** This program, as the certificate names it. */
export function toolFacts(): DeletionCertificate['tool'] {
  return {
    name: 'Sealpost',
    version: readVersion(),
    commit: readCommit() ?? UNKNOWN,
    node: process.versions.node,
    openssl: process.versions.openssl,
    platform: `${platform()} ${arch()}`,
  }
}

/** Where the clock of this machine stands against UTC. */
export function zoneFacts(now: number): { readonly name: string; readonly offset: string } {
  const minutes = -new Date(now).getTimezoneOffset()
  const digits = (value: number): string => String(value).padStart(2, '0')
  const size = Math.abs(minutes)
  return {
    name: new Intl.DateTimeFormat().resolvedOptions().timeZone,
    offset: `${minutes < 0 ? '-' : '+'}${digits(Math.floor(size / 60))}:${digits(size % 60)}`,
  }
}

/** The commit of the work tree that the program runs from; null for an installed one. */
function readCommit(): string | null {
  let folder = dirname(fileURLToPath(import.meta.url))
  for (let level = 0; level < 5; level++) {
    const git = join(folder, '.git')
    const head = readLine(join(git, 'HEAD'))
    if (head !== null) {
      const reference = /^ref: (refs\/[\w./-]+)$/.exec(head)?.[1]
      const commit = reference === undefined ? head : readLine(join(git, reference))
      return commit !== null && /^[0-9a-f]{40,64}$/.test(commit) ? commit : null
    }
    folder = dirname(folder)
  }
  return null
}

function readLine(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').split('\n')[0]?.trim() ?? null
  } catch {
    return null
  }
}
