import type { ErasedIndexes } from '../core/audit.ts'
import { SealpostError } from '../core/errors.ts'
import { blankOut, damagedLog, readLines, writeHead, type AuditFolder } from './audit-folder.ts'
import type { AuditHead } from './audit-head.ts'
import { parseLine } from './audit-line.ts'
import { ROW_CONTENT_AT, rowIdOf } from './personal-row.ts'

/** What an erasure will take, and what it must leave. */
export interface ErasurePlan extends ErasedIndexes {
  readonly kept: readonly number[]
}

interface ErasedSets {
  readonly leaves: ReadonlySet<number>
  readonly personal: ReadonlySet<number>
}

interface Stretch {
  readonly offset: number
  readonly length: number
}

/**
 * Chooses of what was asked for what is still there. The whole content of an entry that accounts for an earlier erasure
 * is kept: without it that one would look like tampering. Throws `bug` for an index that is not in the log.
 */
export async function planErasure(files: AuditFolder, head: AuditHead, what: ErasedIndexes): Promise<ErasurePlan> {
  const asked = { leaves: new Set(what.leaves), personal: new Set(what.personal) }
  for (const index of [...asked.leaves, ...asked.personal]) {
    if (!Number.isSafeInteger(index) || index < 0 || index >= head.size) {
      throw new SealpostError('bug', `audit log: there is no entry ${index} to erase`)
    }
  }
  const plan = { leaves: [] as number[], personal: [] as number[], kept: [] as number[] }
  if (asked.leaves.size + asked.personal.size === 0) return plan
  const erasedBefore = new Set<number>()
  for await (const { bytes } of readLines(files.log, 0, head.logBytes)) {
    const line = parseLine(bytes)
    if (line === null) continue
    const { index, state, content } = line
    for (const former of content?.erased?.personal ?? []) erasedBefore.add(former)
    if (asked.leaves.has(index) && state !== 'erased') {
      if (content !== null && content.erased === null) plan.leaves.push(index)
      else plan.kept.push(index)
    } else if (asked.personal.has(index) && content?.personal != null) plan.personal.push(index)
  }
  return { ...plan, personal: plan.personal.filter((index) => !erasedBefore.has(index)) }
}

/**
 * Removes what the erasures from `head.erasing` on name, by overwriting in place: sealed fields first, since only the content
 * says which they are. Then the head forgets the erasure. Twice is safe. To be called under the lock.
 */
export async function finishErasure(files: AuditFolder, head: AuditHead): Promise<AuditHead> {
  if (head.erasing !== null) {
    const { leaves, personal } = await readOrders(files, head, head.erasing)
    const contents: Stretch[] = []
    const rows = new Set<string>()
    for await (const { bytes, offset, length } of readLines(files.log, 0, head.logBytes)) {
      const line = parseLine(bytes)
      if (line === null || !(leaves.has(line.index) || personal.has(line.index))) continue
      if (line.content?.personal != null) rows.add(line.content.personal.row)
      if (!leaves.has(line.index) || line.state === 'erased') continue
      contents.push({ offset: offset + line.contentAt, length: length - line.contentAt - 1 })
    }
    await blankOut(files.personal, await findRows(files, head, rows))
    await blankOut(files.log, contents)
  }
  const done = { ...head, erasing: null }
  await writeHead(files, done)
  return done
}

/** All that the entries from `first` on say was erased. */
async function readOrders(files: AuditFolder, head: AuditHead, first: number): Promise<ErasedSets> {
  const orders = { leaves: new Set<number>(), personal: new Set<number>() }
  let found = false
  for await (const { bytes } of readLines(files.log, 0, head.logBytes)) {
    const line = parseLine(bytes)
    if (line === null || line.index < first || line.content?.erased == null) continue
    if (line.index === first) found = true
    for (const index of line.content.erased.leaves) orders.leaves.add(index)
    for (const index of line.content.erased.personal) orders.personal.add(index)
  }
  if (found) return orders
  throw damagedLog(`entry ${first}, an erasure that has not ended, is missing`)
}

async function findRows(
  files: AuditFolder,
  head: AuditHead,
  ids: ReadonlySet<string>,
): Promise<readonly Stretch[]> {
  const stretches: Stretch[] = []
  if (ids.size === 0) return stretches
  for await (const { bytes, offset, length } of readLines(files.personal, 0, head.personalBytes)) {
    // By the id alone: a row whose overwriting was cut short is none of ours any more, and must go as well.
    if (!ids.has(rowIdOf(bytes))) continue
    stretches.push({ offset: offset + ROW_CONTENT_AT, length: length - ROW_CONTENT_AT - 1 })
  }
  return stretches
}
