import { counted } from '../core/counted.ts'
import type { AuditFinding } from '../core/audit.ts'
import type { AuditHead } from './audit-head.ts'
import type { ScannedLine } from './audit-scan.ts'
import { spansOf } from './index-ranges.ts'

/** Each index with the one line that stands for it, and what is wrong with their places. */
export interface Placed {
  /** How many entries the log has had, as far as the files say. */
  readonly size: number
  readonly lines: ReadonlyMap<number, ScannedLine>
  /** Lines behind those that the head knows, as an interrupted append leaves them. */
  readonly unfinished: number
  readonly findings: readonly AuditFinding[]
}

/**
 * Puts the lines in their places: finds which are missing, which stand where they should not, and which have no place.
 * A line that cannot be read stands for the one that is missing there.
 */
export function placeLines(lines: readonly ScannedLine[], head: AuditHead | null): Placed {
  const byIndex = new Map<number, { line: ScannedLine; position: number }>()
  const findings: AuditFinding[] = []
  for (const [position, line] of lines.entries()) {
    if (line.index === null || !line.whole) continue
    const rival = byIndex.get(line.index)
    if (rival === undefined) byIndex.set(line.index, { line, position })
    else {
      if (rival.line.state === 'altered' && line.state === 'intact') byIndex.set(line.index, { line, position })
      findings.push(damage('inserted', line.index, line.index, 'the entry is there twice'))
    }
  }
  const highest = [...byIndex.keys()].reduce((a, b) => Math.max(a, b), -1)
  const size = head?.size ?? highest + 1
  const unfinished = countUnfinished(lines, size)
  const known = [...byIndex].filter(([index]) => index < size).sort(([, a], [, b]) => a.position - b.position)
  const order = known.map(([index]) => index)
  findings.push(...findDisorder(order))
  findings.push(...findMissing(lines.slice(0, lines.length - unfinished), order, size))
  for (const index of byIndex.keys()) {
    if (index >= size + unfinished) {
      findings.push(
        damage('inserted', index, index, `the head knows ${counted(size, 'entry', 'entries')} and no such one`),
      )
    }
  }
  if (unfinished > 0) {
    const text = 'an append was interrupted here; the next one puts it right'
    findings.push({ kind: 'unfinished', severity: 'note', from: size, to: size + unfinished - 1, text })
  }
  return { size, lines: new Map(known.map(([index, { line }]) => [index, line])), unfinished, findings }
}

/** A finding that nothing explains. */
export function damage(kind: AuditFinding['kind'], from: number, to: number, text: string): AuditFinding {
  return { kind, severity: 'damage', from, to, text }
}

/** Lines at the end that go on where the head stops, the last of which may be torn. */
function countUnfinished(lines: readonly ScannedLine[], size: number): number {
  const torn = lines.at(-1)?.whole === false ? 1 : 0
  let count = 0
  // Those that go on stand in their order, right behind the last that the head knows.
  for (let i = lines.length - 1 - torn; i >= 0; i--) {
    const index = lines[i]?.index ?? -1
    if (index < size) break
    count++
  }
  const first = lines[lines.length - torn - count]
  const ordered = count === 0 || first?.index === size
  const complete = lines.length - torn - count >= size
  if (!ordered) return 0
  return count + (complete ? torn : 0)
}

/** The stretch of indexes within which the order on the disk is not the order of the numbers. */
function findDisorder(order: readonly number[]): readonly AuditFinding[] {
  const sorted = [...order].sort((a, b) => a - b)
  const first = sorted.findIndex((index, i) => index !== order[i])
  if (first === -1) return []
  const last = sorted.findLastIndex((index, i) => index !== order[i])
  const [from, to] = [sorted[first] ?? 0, sorted[last] ?? 0]
  return [damage('reordered', from, to, 'the entries are not in their order')]
}

/** Missing indexes and unreadable lines, matched by where they are. */
function findMissing(
  lines: readonly ScannedLine[],
  order: readonly number[],
  size: number,
): readonly AuditFinding[] {
  const present = new Set(order)
  const missing = Array.from({ length: size }, (_, index) => index).filter((index) => !present.has(index))
  const spans = spansOf(missing)
  // How many lines that are none follow each index; -1 stands for the beginning.
  const unreadable = new Map<number, number>()
  let before = -1
  for (const { index, whole } of lines) {
    if (index === null || !whole) unreadable.set(before, (unreadable.get(before) ?? 0) + 1)
    else before = index
  }
  const findings = spans.map(([from, to]) => {
    const garbled = unreadable.get(from - 1) ?? 0
    unreadable.delete(from - 1)
    if (garbled > 0) return damage('edited', from, to, 'what stands here is not an entry')
    if (to === size - 1) return damage('truncated', from, to, `the log ends before entry ${from}`)
    return damage('deleted', from, to, 'the entry is missing')
  })
  for (const index of unreadable.keys()) {
    findings.push(damage('inserted', index + 1, index + 1, 'before this entry stands something that is none'))
  }
  return findings
}
