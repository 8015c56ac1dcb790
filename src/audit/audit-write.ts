import type { AuditEvent, AuditReceipt, ErasedIndexes, PersonalSealer } from '../core/audit.ts'
import { formatInstant, type Clock } from '../core/clock.ts'
import { counted } from '../core/counted.ts'
import { SealpostError } from '../core/errors.ts'
import { syncFolder } from '../files/durable.ts'
import { assertEvent } from './audit-event.ts'
import { damagedLog, measure, writeHead, type AuditFolder } from './audit-folder.ts'
import { advance, emptyHead, type AuditHead } from './audit-head.ts'
import { encodeLeaf, encodeLine, MAX_LINE_BYTES } from './audit-line.ts'
import { hashLeaf } from './merkle.ts'
import { sealFields } from './personal-row.ts'
import { appendDurably, sizeOf } from './audit-files.ts'

/** What writing a log takes. */
export interface AuditWriter {
  readonly files: AuditFolder
  readonly clock: Clock
  readonly sealer: PersonalSealer
}

/**
 * Makes the files of a log that has none. The head comes first, so that a log without one can only be a damaged log.
 * Throws `corrupt` when there are files already. To be called under the lock.
 */
export async function createLog(files: AuditFolder, origin: string): Promise<AuditHead> {
  const present = await Promise.all([files.log, files.personal, files.checkpoints].map(sizeOf))
  if (present.some((size) => size !== null)) throw damagedLog('the head file is missing')
  const head = emptyHead(origin)
  await writeHead(files, head)
  return head
}

/** An event that is to be appended, with what its action removes. */
export interface NewEntry {
  readonly event: AuditEvent
  readonly erased: ErasedIndexes | null
}

/**
 * Appends entries after `head`: sealed fields, lines and head, each on the disk before the next is begun, so that many
 * together cost no more waiting than one. A crash in between is put right by `recover`, which keeps those that are whole,
 * in their order. To be called under the lock, with a head that fits the files.
 */
export async function appendEntries(
  writer: AuditWriter,
  head: AuditHead,
  entries: readonly NewEntry[],
): Promise<{ readonly head: AuditHead; readonly receipts: readonly AuditReceipt[] }> {
  const { files } = writer
  for (const { event } of entries) assertEvent(event)
  const rows: Buffer[] = []
  const lines: Buffer[] = []
  const receipts: AuditReceipt[] = []
  let next = head
  for (const { event, erased } of entries) {
    const hasFields = Object.keys(event.personal).length > 0
    const sealed = hasFields ? await sealFields(event.personal, writer.sealer) : null
    const leaf = encodeLeaf({
      ...event,
      index: next.size,
      at: formatInstant(writer.clock.now()),
      personal: sealed?.reference ?? null,
      erased,
      previous: next.last,
    })
    const line = encodeLine(next.size, leaf)
    if (line.length > MAX_LINE_BYTES)
      throw new SealpostError('bug', `audit log: ${event.action}: too long for a line`)
    const leafHash = hashLeaf(leaf)
    receipts.push({ index: next.size, leafHash })
    lines.push(line)
    if (sealed !== null) rows.push(sealed.line)
    next = {
      ...advance(next, leafHash, line.length),
      personalBytes: next.personalBytes + (sealed?.line.length ?? 0),
      erasing: next.erasing ?? (erased === null ? null : next.size),
    }
  }
  if (rows.length > 0) await appendDurably(files.personal, Buffer.concat(rows))
  await appendDurably(files.log, Buffer.concat(lines))
  // The names of new files must outlive a power cut as well.
  if (head.size === 0) await syncFolder(files.folder)
  await writeHead(files, next)
  return { head: next, receipts }
}

/** As `appendEntries`, for one. */
export async function appendEntry(
  writer: AuditWriter,
  head: AuditHead,
  event: AuditEvent,
  erased: ErasedIndexes | null,
): Promise<{ readonly head: AuditHead; readonly receipt: AuditReceipt }> {
  const { head: next, receipts } = await appendEntries(writer, head, [{ event, erased }])
  const [receipt] = receipts
  if (receipt === undefined) throw new SealpostError('bug', 'audit log: nothing was appended')
  return { head: next, receipt }
}

/** Throws `corrupt` when a file is shorter than the head says; returns whether one is longer. */
export async function hasTail(files: AuditFolder, head: AuditHead): Promise<boolean> {
  const { logBytes, personalBytes } = await measure(files)
  if (logBytes < head.logBytes)
    throw damagedLog(`${counted(head.logBytes - logBytes, 'byte is', 'bytes are')} missing at its end`)
  if (personalBytes < head.personalBytes) throw damagedLog('sealed fields are missing at the end of their file')
  return logBytes > head.logBytes || personalBytes > head.personalBytes
}
