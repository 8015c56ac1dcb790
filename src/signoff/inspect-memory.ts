import { readFile, stat } from 'node:fs/promises'
import { NOT_READABLE, UNKNOWN, type EnvironmentFinding } from '../core/certificate.ts'
import { readDisk } from './disks.ts'
import { deviceNumberOf } from './mounts.ts'

/** Whether memory may have been written to a disk that keeps it readable. */
export async function swapFinding(): Promise<EnvironmentFinding> {
  const code = 'swap'
  const text = await readFile('/proc/swaps', 'utf8').catch(() => null)
  if (text === null) return { code, state: 'unknown', text: `swap: ${NOT_READABLE}` }
  const areas = text.trim().split('\n').slice(1)
  if (areas.length === 0) return { code, state: 'good', text: 'no swap is in use' }
  const names = areas.map((line) => line.split(/\s+/)[0] ?? '')
  const kinds = new Set(await Promise.all(names.map(kindOfSwap)))
  if (!kinds.has('plain')) {
    const where = [...kinds]
      .sort()
      .map((kind) => (kind === 'memory' ? 'compressed memory (zram)' : 'encrypted volumes'))
    return { code, state: 'good', text: `swap lies in ${where.join(' and ')} only` }
  }
  return {
    code,
    state: 'adverse',
    text: 'swap is in use and no encryption of it is known: memory with keys or mail may have been written to it while the project was worked on',
  }
}

/** Whether the machine can write its whole memory to a disk. */
export async function hibernationFinding(): Promise<EnvironmentFinding> {
  const code = 'hibernation'
  const states = await readFile('/sys/power/state', 'utf8').catch(() => null)
  if (states === null) return { code, state: 'unknown', text: `hibernation: ${NOT_READABLE}` }
  const resume = (await readFile('/sys/power/resume', 'utf8').catch(() => '')).trim()
  if (!/\bdisk\b/.test(states) || resume === '0:0') {
    return { code, state: 'good', text: 'hibernation to disk is not set up' }
  }
  return { code, state: 'adverse', text: 'hibernation to disk is possible: it writes the whole memory to it' }
}

/**
 * Whether a crash of this process would write its memory down. A limit of 0 does not hold where the kernel pipes dumps to a
 * program (core(5)); a limit of 1 byte stops both.
 */
export async function coreFinding(): Promise<EnvironmentFinding> {
  const code = 'core-dumps'
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => null)
  const soft = limits === null ? undefined : /^Max core file size\s+(\S+)/m.exec(limits)?.[1]
  if (soft === undefined) return { code, state: 'unknown', text: `limit of core dumps: ${NOT_READABLE}` }
  const pattern = await readFile('/proc/sys/kernel/core_pattern', 'utf8').then(printablePattern, () => UNKNOWN)
  return coreFindingOf(soft, pattern)
}

/** What a soft limit and a pattern mean together. */
export function coreFindingOf(limit: string, pattern: string): EnvironmentFinding {
  const code = 'core-dumps'
  const bytes = limit === 'unlimited' ? Infinity : Number(limit)
  if (bytes === 1) return { code, state: 'good', text: 'core dumps are off for this process, piped ones too' }
  if (bytes === 0 && !pattern.startsWith('|') && pattern !== UNKNOWN) {
    return { code, state: 'good', text: 'core dumps are off for this process' }
  }
  return {
    code,
    state: 'adverse',
    text:
      bytes === 0
        ? `core dumps may be piped to a program, for which the limit does not hold (pattern ${pattern})`
        : `core dumps are possible (limit ${limit}, pattern ${pattern})`,
  }
}

async function kindOfSwap(name: string): Promise<'memory' | 'encrypted' | 'plain'> {
  if (/^\/dev\/zram\d+$/.test(name)) return 'memory'
  try {
    const facts = await stat(name, { bigint: true })
    const disk = await readDisk(deviceNumberOf(facts.isBlockDevice() ? facts.rdev : facts.dev), null)
    return disk.encryption.startsWith('encrypted') ? 'encrypted' : 'plain'
  } catch {
    return 'plain'
  }
}

function printablePattern(pattern: string): string {
  return pattern
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 80)
}
