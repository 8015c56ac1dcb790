import type { TreeHead } from '../core/audit.ts'
import { SealpostError } from '../core/errors.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { CompactRange, HASH_BYTES } from './merkle.ts'

/** Where the log stands: all that an append needs to know of the entries before it. */
export interface AuditHead extends TreeHead {
  readonly origin: string
  /** The tree as a compact range, largest subtree first. */
  readonly range: readonly Uint8Array[]
  /** Hash of the last leaf; null before the first. */
  readonly last: Uint8Array | null
  /** Lengths that the files had. */
  readonly logBytes: number
  readonly personalBytes: number
  /** Index of the first erasure whose removal has not ended; null for none. */
  readonly erasing: number | null
  /** What a recovery found and has not yet written into the log; null for nothing. */
  readonly repair: AuditRepair | null
}

/** What an interrupted append left behind, as a recovery found it. */
export interface AuditRepair {
  /** Whole entries that were on the disk, but not in the head. */
  readonly adopted: number
  /** Bytes of a torn entry, and of sealed fields whose entry was never written. */
  readonly droppedBytes: number
}

const FORMAT = 'sealpost-audit-head-v1'

/** Where a log stands that has no entries. */
export function emptyHead(origin: string): AuditHead {
  const range = new CompactRange()
  return {
    origin,
    size: 0,
    root: range.root(),
    range: [],
    last: null,
    logBytes: 0,
    personalBytes: 0,
    erasing: null,
    repair: null,
  }
}

/** The head after one more leaf, whose line has `lineBytes` bytes. */
export function advance(head: AuditHead, leafHash: Uint8Array, lineBytes: number): AuditHead {
  const range = new CompactRange(head.size, head.range)
  range.append(leafHash)
  return {
    ...head,
    size: range.size,
    root: range.root(),
    range: range.hashes,
    last: leafHash,
    logBytes: head.logBytes + lineBytes,
  }
}

/** One line of JSON. */
export function encodeHead(head: AuditHead): Buffer {
  const { origin, size, root, range, last, logBytes, personalBytes, erasing, repair } = head
  const value = {
    format: FORMAT,
    origin,
    size,
    root: encodeBase64(root),
    range: range.map(encodeBase64),
    last: last && encodeBase64(last),
    logBytes,
    personalBytes,
    erasing,
    repair,
  }
  return Buffer.from(`${JSON.stringify(value)}\n`, 'utf8')
}

/** Reads what `encodeHead` wrote. Throws `corrupt` for anything else, and for a root that its range does not have. */
export function decodeHead(bytes: Buffer): AuditHead {
  const value = parseObject(bytes)
  const { format, origin, size, logBytes, personalBytes, erasing } = value
  const range: unknown[] = Array.isArray(value['range']) ? value['range'] : [null]
  const hashes = range.map(decodeHash)
  const root = decodeHash(value['root'])
  const last = value['last'] === null ? null : decodeHash(value['last'])
  const repair = decodeRepair(value['repair'])
  const counts = [size, logBytes, personalBytes, erasing ?? 0]
  if (format !== FORMAT || typeof origin !== 'string' || !counts.every(isCount)) throw damaged()
  const head = { origin, size, logBytes, personalBytes, erasing: erasing ?? null, repair } as AuditHead
  const tree = new CompactRange(head.size, hashes)
  if (!tree.root().equals(root) || (last === null) !== (head.size === 0)) throw damaged()
  return { ...head, root, range: hashes, last }
}

function parseObject(bytes: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>
  } catch {
    // Told below.
  }
  throw damaged()
}

function decodeRepair(value: unknown): AuditRepair | null {
  if (value === null) return null
  if (typeof value !== 'object') throw damaged()
  const { adopted, droppedBytes } = value as Readonly<Record<string, unknown>>
  if (!isCount(adopted) || !isCount(droppedBytes)) throw damaged()
  return { adopted, droppedBytes } as AuditRepair
}

function decodeHash(value: unknown): Buffer {
  const hash = typeof value === 'string' ? decodeBase64(value, HASH_BYTES) : null
  if (hash === null) throw damaged()
  return hash
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function damaged(): SealpostError {
  return new SealpostError('corrupt', 'audit log: the head file is damaged')
}
