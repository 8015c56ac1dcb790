import { counted } from '../core/counted.ts'
import type { AuditFinding, PersonalOpener } from '../core/audit.ts'
import type { AuditFolder } from './audit-folder.ts'
import type { AuditHead } from './audit-head.ts'
import { damage, type Placed } from './audit-places.ts'
import { readRows, type ScannedRows } from './audit-scan.ts'
import { spansOf } from './index-ranges.ts'
import { openFields } from './personal-row.ts'

/** What was erased, as the entries that can be believed say. */
interface Erased {
  readonly leaves: ReadonlySet<number>
  readonly personal: ReadonlySet<number>
}

/**
 * Checks that each content and each row of sealed fields is there, unless an entry accounts for its erasure, and that
 * nothing is there that was erased.
 */
export function checkContent(
  placed: Placed,
  believed: ReadonlySet<number>,
  rows: ScannedRows,
  head: AuditHead | null,
): readonly AuditFinding[] {
  const erased = collectErased(placed, believed)
  const missing: number[] = []
  const missingRows: number[] = []
  const editedRows: number[] = []
  const unfinished: number[] = []
  const referenced = new Set<string>()
  const clockSetBack: number[] = []
  let latest = ''
  for (let index = 0; index < placed.size; index++) {
    const line = placed.lines.get(index)
    if (line === undefined) continue
    if (line.state === 'erased' && !erased.leaves.has(index)) missing.push(index)
    if (!believed.has(index)) continue
    if (erased.leaves.has(index)) unfinished.push(index)
    if (line.at !== null && line.at < latest) clockSetBack.push(index)
    if (line.at !== null) latest = line.at
    if (line.personal === null) continue
    referenced.add(line.personal.row)
    const digest = rows.get(line.personal.row)
    const isErased = erased.personal.has(index) || erased.leaves.has(index)
    if (digest == null) {
      if (!isErased) missingRows.push(index)
    } else if (digest !== line.personal.sealed) editedRows.push(index)
    else if (isErased && !erased.leaves.has(index)) unfinished.push(index)
  }
  const findings = [
    ...asDamage('content-missing', missing, 'no entry says that this content was erased'),
    ...asDamage('personal-missing', missingRows, 'no entry says that these sealed fields were erased'),
    ...asDamage('personal-edited', editedRows, 'the sealed fields are not those that the entry was written with'),
    ...asNotes('unfinished', unfinished, 'erased by an entry and still there'),
    ...asNotes('clock-set-back', clockSetBack, 'its time is before that of the entry before it'),
  ]
  const stray = [...rows].filter(([row, digest]) => digest !== null && !referenced.has(row)).length
  const unreadable = [...placed.lines.keys()].filter((index) => !believed.has(index) && !erased.leaves.has(index))
  const isExplained = placed.findings.length > 0 || unreadable.length > 0 || head?.erasing != null
  if (stray > 0 && !isExplained) {
    const text = `${counted(stray, 'row of sealed fields belongs', 'rows of sealed fields belong')} to no entry`
    findings.push({ kind: 'unfinished', severity: 'note', from: 0, to: lastOf(placed), text })
  }
  return findings
}

/** Opens every row that is there; finds those that cannot be opened or are not what was committed to. */
export async function checkCommitments(
  files: AuditFolder,
  placed: Placed,
  believed: ReadonlySet<number>,
  opener: PersonalOpener,
): Promise<readonly AuditFinding[]> {
  const byRow = new Map<string, number>()
  for (const [index, line] of placed.lines) {
    if (believed.has(index) && line.personal !== null) byRow.set(line.personal.row, index)
  }
  const wrong: number[] = []
  for await (const { row, sealed } of readRows(files)) {
    const index = byRow.get(row)
    const reference = index === undefined ? null : placed.lines.get(index)?.personal
    if (index === undefined || reference == null) continue
    await openFields(reference, sealed, opener).catch(() => wrong.push(index))
  }
  return asDamage('personal-edited', wrong, 'the sealed fields do not open to what the entry commits to')
}

/** Index of the last entry; 0 in an empty log. */
export function lastOf(placed: Placed): number {
  return Math.max(0, placed.size - 1)
}

function collectErased(placed: Placed, believed: ReadonlySet<number>): Erased {
  const leaves = new Set<number>()
  const personal = new Set<number>()
  for (const index of believed) {
    const erased = placed.lines.get(index)?.erased
    // An entry speaks for what came before it.
    for (const named of erased?.leaves ?? []) if (named < index) leaves.add(named)
    for (const named of erased?.personal ?? []) if (named < index) personal.add(named)
  }
  return { leaves, personal }
}

function asDamage(kind: AuditFinding['kind'], indexes: readonly number[], text: string): AuditFinding[] {
  return spansOf(indexes).map(([from, to]) => damage(kind, from, to, text))
}

function asNotes(kind: AuditFinding['kind'], indexes: readonly number[], text: string): AuditFinding[] {
  return spansOf(indexes).map(([from, to]) => ({ kind, severity: 'note', from, to, text }))
}
