import type { AuditEvent, AuditReceipt, ErasedIndexes, PersonalSealer } from '../core/audit.ts'
import { formatInstant, type Clock } from '../core/clock.ts'
import { SealpostError } from '../core/errors.ts'
import { assertEvent } from './audit-event.ts'
import { damagedLog, measure, writeHead, type AuditFolder } from './audit-folder.ts'
import { advance, emptyHead, type AuditHead } from './audit-head.ts'
import { encodeLeaf, encodeLine, MAX_LINE_BYTES } from './audit-line.ts'
import { hashLeaf } from './merkle.ts'
import { sealFields } from './personal-row.ts'
import { appendDurably, sizeOf, syncFolder } from './private-files.ts'

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

/**
 * Appends one entry after `head`: sealed fields, line and head, each on the disk before the next is begun. A crash between
 * any two is put right by `recover`. To be called under the lock, with a head that fits the files.
 */
export async function appendEntry(
  writer: AuditWriter,
  head: AuditHead,
  event: AuditEvent,
  erased: ErasedIndexes | null,
): Promise<{ readonly head: AuditHead; readonly receipt: AuditReceipt }> {
  assertEvent(event)
  const { files } = writer
  const hasFields = Object.keys(event.personal).length > 0
  const sealed = hasFields ? await sealFields(event.personal, writer.sealer) : null
  const leaf = encodeLeaf({
    ...event,
    index: head.size,
    at: formatInstant(writer.clock.now()),
    personal: sealed?.reference ?? null,
    erased,
    previous: head.last,
  })
  const line = encodeLine(head.size, leaf)
  if (line.length > MAX_LINE_BYTES)
    throw new SealpostError('bug', `audit log: ${event.action}: too long for a line`)
  const isFirst = head.size === 0
  if (sealed !== null) await appendDurably(files.personal, sealed.line)
  await appendDurably(files.log, line)
  // The names of new files must outlive a power cut as well.
  if (isFirst) await syncFolder(files.folder)
  const leafHash = hashLeaf(leaf)
  const next: AuditHead = {
    ...advance(head, leafHash, line.length),
    personalBytes: head.personalBytes + (sealed?.line.length ?? 0),
    erasing: head.erasing ?? (erased === null ? null : head.size),
  }
  await writeHead(files, next)
  return { head: next, receipt: { index: head.size, leafHash } }
}

/** Throws `corrupt` when a file is shorter than the head says; returns whether one is longer. */
export async function hasTail(files: AuditFolder, head: AuditHead): Promise<boolean> {
  const { logBytes, personalBytes } = await measure(files)
  if (logBytes < head.logBytes) throw damagedLog(`${head.logBytes - logBytes} bytes are missing at its end`)
  if (personalBytes < head.personalBytes) throw damagedLog('sealed fields are missing at the end of their file')
  return logBytes > head.logBytes || personalBytes > head.personalBytes
}
