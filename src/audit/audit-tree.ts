import { counted } from '../core/counted.ts'
import type { AuditFinding, TreeHead } from '../core/audit.ts'
import type { AuditHead } from './audit-head.ts'
import { damage, type Placed } from './audit-places.ts'
import { CompactRange, rangeSpans } from './merkle.ts'

/** What the hashes say. */
export interface CheckedTree {
  readonly root: Uint8Array | null
  /** Entries whose content can be believed. */
  readonly believed: ReadonlySet<number>
  readonly findings: readonly AuditFinding[]
}

/**
 * Checks content against hashes, each hash against what the next entry says of it (the last against the head), the tree
 * against the head, and its beginnings against the heads known from outside. From the end to the beginning, since an
 * entry that cannot be believed says nothing of the one before it.
 */
export function checkTree(placed: Placed, head: AuditHead | null, known: readonly TreeHead[]): CheckedTree {
  const { size, lines } = placed
  const findings: AuditFinding[] = []
  const believed = new Set<number>()
  const hashes: (Uint8Array | null)[] = []
  /** What an interrupted erasure was about to overwrite. */
  const pending = new Set<number>()
  let claimed = head?.last ?? null
  for (let index = size - 1; index >= 0; index--) {
    const line = lines.get(index)
    const own = line?.leafHash ?? null
    const isClaimed = claimed === null || own === null || Buffer.compare(claimed, own) === 0
    hashes[index] = claimed ?? own
    if (line?.state === 'altered' && isClaimed && pending.has(index)) {
      const text = 'its erasure was interrupted; the next append ends it'
      findings.push({ kind: 'unfinished', severity: 'note', from: index, to: index, text })
    } else if (line?.state === 'altered') {
      findings.push(damage('edited', index, index, 'the entry is not what its hash was made of'))
    } else if (!isClaimed) {
      const successor = index === size - 1 ? 'the head' : 'the next entry'
      findings.push(damage('edited', index, index, `${successor} was written after another entry than this`))
    } else if (line?.state === 'intact') {
      believed.add(index)
    }
    if (believed.has(index) && head?.erasing != null && index >= head.erasing) {
      for (const named of line?.erased?.leaves ?? []) pending.add(named)
    }
    claimed = believed.has(index) ? (line?.previous ?? null) : null
  }
  const checked = checkRoots(hashes, head, known)
  return { root: checked.root, believed, findings: [...findings, ...checked.findings] }
}

function checkRoots(
  hashes: readonly (Uint8Array | null)[],
  head: AuditHead | null,
  known: readonly TreeHead[],
): { readonly root: Uint8Array | null; readonly findings: readonly AuditFinding[] } {
  const size = hashes.length
  const findings: AuditFinding[] = []
  const later = [...known].sort((a, b) => a.size - b.size)
  const range = new CompactRange()
  let good = 0
  const compare = (): void => {
    for (; later[0]?.size === range.size; later.shift()) {
      if (Buffer.compare(later[0].root, range.root()) === 0) good = range.size
      else {
        const text = `not the entries that the checkpoint of ${counted(range.size, 'entry', 'entries')} was made of`
        findings.push(damage('rewritten', Math.min(good, range.size), Math.max(good, range.size - 1), text))
      }
    }
  }
  compare()
  for (const hash of hashes) {
    if (hash === null) break
    range.append(hash)
    compare()
  }
  const furthest = later.at(-1)
  if (furthest !== undefined && furthest.size > size) {
    const lost = `the checkpoint of ${counted(furthest.size, 'entry', 'entries')} is younger than the log, which has ${size}`
    findings.push(damage('rolled-back', size, furthest.size - 1, lost))
  }
  if (range.size < size) return { root: null, findings }
  const root = range.root()
  if (head !== null && !root.equals(head.root)) {
    for (const [i, [from, to]] of rangeSpans(size).entries()) {
      const subtree = new CompactRange()
      for (const hash of hashes.slice(from, to)) if (hash !== null) subtree.append(hash)
      if (Buffer.compare(subtree.root(), head.range[i] ?? root) === 0) continue
      findings.push(
        damage('edited', from, to - 1, 'a hash in this stretch is not the one that the head was made of'),
      )
    }
  }
  return { root, findings }
}
