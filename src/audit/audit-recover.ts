import { cutTo, readLines, writeHead, type AuditFolder } from './audit-folder.ts'
import { advance, type AuditHead } from './audit-head.ts'
import { parseLine, type LeafContent } from './audit-line.ts'
import { digestSealed, parseRow } from './personal-row.ts'

/**
 * Puts right what a crash in the middle of an append left: entries that are whole are taken into the head, what is torn
 * is cut off. Changes nothing below what the head already holds. Returns the new head, on the disk, whose `repair` says
 * what was done until an entry has said it. Twice is safe. To be called under the lock.
 */
export async function recover(files: AuditFolder, head: AuditHead): Promise<AuditHead> {
  const rows = await readTailRows(files, head.personalBytes)
  let recovered = head
  let end = head.logBytes
  for await (const { bytes, length, whole, offset } of readLines(files.log, head.logBytes)) {
    end = offset + length
    const line = whole ? parseLine(bytes) : null
    const personalBytes = line?.content ? personalEnd(line.content, recovered, rows) : null
    if (line?.content == null || personalBytes === null) break
    const { index, erased } = line.content
    recovered = {
      ...advance(recovered, line.leafHash, length),
      personalBytes,
      erasing: recovered.erasing ?? (erased === null ? null : index),
    }
  }
  // The tail that no line ended in may go on behind the first bad line.
  for await (const { offset, length } of readLines(files.log, end)) end = offset + length
  const personalTail = rows.end - recovered.personalBytes
  const repair = head.repair ?? {
    adopted: recovered.size - head.size,
    droppedBytes: end - recovered.logBytes + personalTail,
  }
  recovered = { ...recovered, repair }
  await writeHead(files, recovered)
  await cutTo(files.log, recovered.logBytes)
  await cutTo(files.personal, recovered.personalBytes)
  return recovered
}

interface TailRows {
  /** Digest of the sealed bytes and end of the row, by row id. */
  readonly byId: ReadonlyMap<string, { readonly digest: string; readonly end: number }>
  readonly end: number
}

async function readTailRows(files: AuditFolder, from: number): Promise<TailRows> {
  const byId = new Map<string, { digest: string; end: number }>()
  let end = from
  for await (const { bytes, offset, length, whole } of readLines(files.personal, from)) {
    end = offset + length
    const row = whole ? parseRow(bytes) : null
    if (row?.sealed != null) byId.set(row.row, { digest: digestSealed(row.sealed), end })
  }
  return { byId, end }
}

/** Where the sealed fields end once this entry counts; null when it does not follow `head` or its fields are not there. */
function personalEnd(content: LeafContent, head: AuditHead, rows: TailRows): number | null {
  const follows = Buffer.compare(content.previous ?? EMPTY, head.last ?? EMPTY) === 0
  if (content.index !== head.size || !follows) return null
  if (content.personal === null) return head.personalBytes
  const row = rows.byId.get(content.personal.row)
  return row !== undefined && row.digest === content.personal.sealed && row.end > head.personalBytes
    ? row.end
    : null
}

const EMPTY = Buffer.alloc(0)
