import type { ErasedIndexes, PersonalReference } from '../core/audit.ts'
import { readLines, type AuditFolder } from './audit-folder.ts'
import { parseLine } from './audit-line.ts'
import { digestSealed, parseRow } from './personal-row.ts'

/** What a verification keeps of one line. */
export interface ScannedLine {
  /** Null for a line that is none. */
  readonly index: number | null
  readonly leafHash: Buffer | null
  readonly state: 'intact' | 'erased' | 'altered'
  readonly previous: Uint8Array | null
  readonly at: string | null
  readonly personal: PersonalReference | null
  readonly erased: ErasedIndexes | null
  /** Bytes of the line on the disk. */
  readonly length: number
  readonly whole: boolean
}

/** The sealed bytes' digest of each row that is there, by row id; null for an erased one. */
export type ScannedRows = ReadonlyMap<string, string | null>

/** Reads the log in the order in which it lies on the disk. */
export async function scanLog(files: AuditFolder): Promise<readonly ScannedLine[]> {
  const lines: ScannedLine[] = []
  for await (const { bytes, length, whole } of readLines(files.log)) {
    const line = parseLine(bytes)
    lines.push({
      index: line?.index ?? null,
      leafHash: line?.leafHash ?? null,
      state: line?.state ?? 'altered',
      previous: line?.content?.previous ?? null,
      at: line?.content?.at ?? null,
      personal: line?.content?.personal ?? null,
      erased: line?.content?.erased ?? null,
      length,
      whole,
    })
  }
  return lines
}

/** Reads the side file. */
export async function scanRows(files: AuditFolder): Promise<ScannedRows> {
  const rows = new Map<string, string | null>()
  for await (const { bytes } of readLines(files.personal)) {
    const row = parseRow(bytes)
    if (row !== null) rows.set(row.row, row.sealed === null ? null : digestSealed(row.sealed))
  }
  return rows
}

/** The sealed bytes of the rows that are still there, one after the other. */
export async function* readRows(
  files: AuditFolder,
): AsyncGenerator<{ readonly row: string; readonly sealed: Uint8Array }, void, undefined> {
  for await (const { bytes } of readLines(files.personal)) {
    const row = parseRow(bytes)
    if (row?.sealed != null) yield { row: row.row, sealed: row.sealed }
  }
}
