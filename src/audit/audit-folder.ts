import { constants } from 'node:fs'
import { join } from 'node:path'
import { SealpostError } from '../core/errors.ts'
import { syncFolder } from '../files/durable.ts'
import { findPrivateFile, readPrivateFile } from '../files/private-files.ts'
import { decodeHead, encodeHead, type AuditHead } from './audit-head.ts'
import { MAX_LINE_BYTES } from './audit-line.ts'
import { appendDurably, replaceDurably, sizeOf, withFile } from './audit-files.ts'

/** Where the files of a log are. */
export interface AuditFolder {
  readonly folder: string
  readonly log: string
  readonly personal: string
  readonly head: string
  readonly checkpoints: string
  readonly lock: string
}

/** A line of a file as it was read. */
export interface RawLine {
  /** Without its newline; empty when it was longer than any line of ours. */
  readonly bytes: Buffer
  readonly offset: number
  /** Bytes on the disk, the newline included. */
  readonly length: number
  /** False for what follows the last newline. */
  readonly whole: boolean
}

const MAX_HEAD_BYTES = 64 * 1024
const MAX_CHECKPOINTS_BYTES = 256 * 1024 * 1024
const READ_BYTES = 256 * 1024
const NEWLINE = 0x0a
const BLANK = 0x20

/** The names of the files in a log's folder. */
export function auditFolder(folder: string): AuditFolder {
  return {
    folder,
    log: join(folder, 'log'),
    personal: join(folder, 'personal'),
    head: join(folder, 'head'),
    checkpoints: join(folder, 'checkpoints'),
    lock: join(folder, 'lock'),
  }
}

/** True for the log's own origin, and for those of the logs that took its place (`origin/2`, `origin/3`, …). */
export function isOriginOf(actual: string, origin: string): boolean {
  return (
    actual === origin ||
    (actual.startsWith(`${origin}/`) && /^[1-9]\d{0,8}$/.test(actual.slice(origin.length + 1)))
  )
}

/** The head as it stands on the disk; null when there is none. Throws `corrupt` when it is damaged. */
export async function readHead(files: AuditFolder): Promise<AuditHead | null> {
  const bytes = await readPrivateFile(files.head, MAX_HEAD_BYTES, 'corrupt')
  return bytes === null ? null : decodeHead(bytes)
}

/** Replaces the head as one step. */
export async function writeHead(files: AuditFolder, head: AuditHead): Promise<void> {
  await replaceDurably(files.head, encodeHead(head))
}

/** The signed notes kept beside the log, one JSON string a line; null for a line that is none. */
export async function readCheckpoints(files: AuditFolder): Promise<readonly (string | null)[]> {
  const bytes = await readPrivateFile(files.checkpoints, MAX_CHECKPOINTS_BYTES, 'corrupt')
  const lines = (bytes?.toString('utf8') ?? '').split('\n')
  // What follows the last newline is a note whose writing was cut.
  return lines.slice(0, -1).map((line) => {
    try {
      const note: unknown = JSON.parse(line)
      return typeof note === 'string' ? note : null
    } catch {
      return null
    }
  })
}

/** Adds a signed note to those beside the log; on the disk when it returns. */
export async function addCheckpoint(files: AuditFolder, note: string): Promise<void> {
  const bytes = await readPrivateFile(files.checkpoints, MAX_CHECKPOINTS_BYTES, 'corrupt')
  // A note whose writing was cut would spoil the next one.
  if (bytes !== null) await cutTo(files.checkpoints, bytes.lastIndexOf(NEWLINE) + 1)
  await appendDurably(files.checkpoints, Buffer.from(`${JSON.stringify(note)}\n`, 'utf8'))
  if (bytes === null) await syncFolder(files.folder)
}

/** Lengths of the two growing files; a missing one is as an empty one. */
export async function measure(
  files: AuditFolder,
): Promise<{ readonly logBytes: number; readonly personalBytes: number }> {
  return { logBytes: (await sizeOf(files.log)) ?? 0, personalBytes: (await sizeOf(files.personal)) ?? 0 }
}

/** Lines of a file from `from` (an offset at which one begins) up to `to`, or its end. A missing file has none. */
export async function* readLines(path: string, from = 0, to = Infinity): AsyncGenerator<RawLine, void, undefined> {
  const file = await findPrivateFile(path, constants.O_RDONLY)
  if (file === null) return
  try {
    let offset = from
    let parts: Buffer[] = []
    let length = 0
    for (let position = from; position < to;) {
      const chunk = Buffer.allocUnsafe(Math.min(READ_BYTES, to - position))
      const { bytesRead } = await file.read(chunk, 0, chunk.length, position)
      if (bytesRead === 0) break
      position += bytesRead
      for (let start = 0; start < bytesRead;) {
        const newline = chunk.subarray(0, bytesRead).indexOf(NEWLINE, start)
        const end = newline === -1 ? bytesRead : newline
        length += end - start
        if (length > MAX_LINE_BYTES) parts = []
        else parts.push(chunk.subarray(start, end))
        start = end + 1
        if (newline === -1) break
        yield {
          bytes: length > MAX_LINE_BYTES ? EMPTY : Buffer.concat(parts),
          offset,
          length: length + 1,
          whole: true,
        }
        offset += length + 1
        parts = []
        length = 0
      }
    }
    if (length > 0) {
      yield { bytes: length > MAX_LINE_BYTES ? EMPTY : Buffer.concat(parts), offset, length, whole: false }
    }
  } finally {
    await file.close()
  }
}

const EMPTY = Buffer.alloc(0)

/** Overwrites stretches of a file with blanks; on the disk when it returns. Twice is safe. */
export async function blankOut(
  path: string,
  stretches: readonly { readonly offset: number; readonly length: number }[],
): Promise<void> {
  if (stretches.length === 0) return
  await withFile(path, constants.O_RDWR, async (file) => {
    for (const { offset, length } of stretches) {
      const blanks = Buffer.alloc(length, BLANK)
      for (let done = 0; done < length;) {
        done += (await file.write(blanks, done, length - done, offset + done)).bytesWritten
      }
    }
    await file.sync()
  })
}

/** Cuts a file to a length it has already exceeded; on the disk when it returns. */
export async function cutTo(path: string, length: number): Promise<void> {
  if (((await sizeOf(path)) ?? 0) <= length) return
  await withFile(path, constants.O_RDWR, async (file) => {
    await file.truncate(length)
    await file.sync()
  })
}

/** What an append or a proof says of a log that it cannot go on from. */
export function damagedLog(why: string): SealpostError {
  return new SealpostError('corrupt', `audit log: ${why}`, {
    hint: 'see where with "sealpost audit verify"; keep a copy of the folder before anything else',
  })
}
