import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { BackupForm } from '../../core/backups.ts'
import { codeOf } from '../../core/system-faults.ts'
import { fileError } from '../../files/file-error.ts'
import { ensurePrivateFolder } from '../../files/private-files.ts'
import { openBackupLedger, type BackupLedger } from '../../ledger/open-ledger.ts'
import type { BackupEnd, BackupRecords } from '../../ledger/backup-book.ts'

/** The folder in a project's state in which each series of backups has its ledger. */
export const SERIES_FOLDER = 'backups'

/** What a new backup is to be. */
export interface WantedSeries {
  readonly from: BackupEnd
  readonly per: 'account' | 'project'
  /** Keys that were named, or null: those of the last backup. */
  readonly recipients: readonly string[] | null
  /** What holds the messages, or null: as in the last backup, and a file each in the first one. */
  readonly form: BackupForm | null
  /** Begin anew, whatever is there. */
  readonly full: boolean
}

/**
 * Opens the newest series that the wanted backup goes on with: made from the same end, cut in the same way, sealed to the same
 * keys; a new one when there is none. The caller closes its ledger, and holds the project's lock.
 */
export async function openSeries(state: string, key: Buffer, wanted: WantedSeries): Promise<BackupLedger> {
  const folder = join(state, SERIES_FOLDER)
  await ensurePrivateFolder(folder)
  const names = await namesIn(state)
  for (const name of wanted.full ? [] : [...names].reverse()) {
    const opened = openBackupLedger(join(folder, name), key)
    if (fits(opened.records, wanted)) return opened
    opened.ledger.close()
  }
  const next = String(Number(names.at(-1)?.slice(0, -3) ?? 0) + 1).padStart(4, '0')
  const opened = openBackupLedger(join(folder, `${next}.db`), key)
  opened.records.begin({ from: wanted.from, per: wanted.per, form: wanted.form ?? 'eml' })
  return opened
}

/** Calls back with the records of every series, in the order in which they began, and closes them again. */
export async function withEverySeries<T>(
  state: string,
  key: Buffer,
  work: (series: readonly BackupRecords[]) => T | Promise<T>,
): Promise<T> {
  const opened: BackupLedger[] = []
  try {
    for (const name of await namesIn(state)) opened.push(openBackupLedger(join(state, SERIES_FOLDER, name), key))
    return await work(opened.map(({ records }) => records))
  } finally {
    for (const { ledger } of opened) ledger.close()
  }
}

/** The keys of the last backup of a series, or null when nothing was written yet. */
export function recipientsOf(records: BackupRecords): readonly string[] | null {
  return (
    records
      .sets()
      .at(-1)
      ?.recipients.map(({ key }) => key) ?? null
  )
}

function fits(records: BackupRecords, wanted: WantedSeries): boolean {
  const { series } = records
  if (series === null || series.from !== wanted.from || series.per !== wanted.per) return false
  if (wanted.form !== null && series.form !== wanted.form) return false
  const before = recipientsOf(records)
  if (before === null || wanted.recipients === null) return true
  return JSON.stringify([...before].sort()) === JSON.stringify([...wanted.recipients].sort())
}

async function namesIn(state: string): Promise<readonly string[]> {
  const folder = join(state, SERIES_FOLDER)
  try {
    return (await readdir(folder)).filter((name) => /^\d{4,}\.db$/.test(name)).sort()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw fileError(error, 'read', folder)
  }
}
