import { randomBytes } from 'node:crypto'
import type {
  ArchiveBook,
  ArchivedMailbox,
  BackupForm,
  BackupSet,
  Confirmation,
  Handover,
  SetState,
  VolumeRecord,
  WrittenVolume,
} from '../core/backups.ts'
import { SealpostError } from '../core/errors.ts'
import type { Ledger } from '../core/ledger.ts'
import type { Candidate, SpecialUse } from '../core/mail.ts'
import type { Recipient } from '../core/ports.ts'
import { decodeFlags, decodePath, encodePath } from './rows.ts'
import type { Store } from './store.ts'

/** Which end of the project a series of backups is made from. */
export type BackupEnd = 'source' | 'destination'

/** What a file of backups is about. */
export interface BackupSeries {
  readonly id: string
  readonly from: BackupEnd
  readonly per: 'account' | 'project'
  readonly form: BackupForm
}

/** The records of one series: the connector's book, and what becomes of the volumes afterwards. */
export interface BackupRecords {
  /** Null until `begin`. */
  readonly series: BackupSeries | null
  /** Says what the file is about. May be called once. */
  begin(series: Omit<BackupSeries, 'id'>): BackupSeries
  /** The connector's book; `now` is the time at which new sets begin. Throws `bug` before `begin`. */
  book(now: () => number): ArchiveBook
  /** What a killed process held is to be moved again. Twice is safe. */
  releaseAll(): void
  /** In the order in which they were written. */
  volumes(): readonly VolumeRecord[]
  /** Sets that have begun, in order. */
  sets(): readonly BackupSet[]
  setHandover(set: string, number: number, handover: Omit<Handover, 'confirmed'>): void
  /** The client has it. Throws `bug` for a volume that was never handed over. */
  setConfirmed(set: string, number: number, confirmation: Confirmation): void
  /** Our copy is gone. */
  setRemoved(set: string, number: number): void
}

interface SetRow {
  readonly id: string
  readonly sequence: number
  readonly account: string | null
  readonly parent: string | null
  readonly recipients: string
  readonly began_at: number
  readonly ended_at: number | null
}

interface VolumeRow {
  readonly set_id: string
  readonly number: number
  readonly last: number
  readonly path: string
  readonly bytes: number
  readonly sha256: string
  readonly plain_sha256: string
  readonly messages: number
  readonly message_bytes: number
  readonly written_at: number
  readonly removed: number
  readonly handed_to: string | null
  readonly handed_how: string | null
  readonly handed_at: number | null
  readonly confirmed_by: Confirmation['by'] | null
  readonly confirmed_key: string | null
  readonly confirmed_at: number | null
}

interface FoundRow {
  readonly destination_key: string
  readonly bytes: number
  readonly internal_date: number
  readonly flags: string
  readonly message_id: string | null
}

const OF_SCOPE = `destination_id IN (SELECT id FROM destination WHERE @account IS NULL OR account = @account)`

/** The book over the ledger's own file, so that a volume and what it holds are written down in one transaction. */
export function createBackupBook(store: Store, ledger: Pick<Ledger, 'revert'>): BackupRecords {
  const selectSeries = store.prepare<{ id: string; ends: BackupEnd; per: BackupSeries['per']; form: BackupForm }>(
    'SELECT id, ends, per, form FROM backup_series',
  )
  const insertSeries = store.prepare('INSERT INTO backup_series (id, ends, per, form) VALUES (?, ?, ?, ?)')
  const selectSets = store.prepare<SetRow>('SELECT * FROM backup_set ORDER BY rowid')
  const selectLastSet = store.prepare<SetRow>(
    'SELECT * FROM backup_set WHERE account IS ? ORDER BY sequence DESC LIMIT 1',
  )
  const insertSet = store.prepare(
    `INSERT INTO backup_set (id, sequence, account, parent, recipients, began_at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO NOTHING`,
  )
  const endSet = store.prepare('UPDATE backup_set SET ended_at = ? WHERE id = ?')
  const selectVolumes = store.prepare<VolumeRow>('SELECT * FROM backup_volume ORDER BY id')
  const selectLastVolume = store.prepare<VolumeRow>(
    'SELECT * FROM backup_volume WHERE set_id = ? ORDER BY number DESC LIMIT 1',
  )
  const insertVolume = store.prepare(
    `INSERT INTO backup_volume (set_id, number, last, path, bytes, sha256, plain_sha256, messages, message_bytes, written_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const setHandover = store.prepare(
    'UPDATE backup_volume SET handed_to = ?, handed_how = ?, handed_at = ? WHERE set_id = ? AND number = ?',
  )
  const setConfirmed = store.prepare(
    `UPDATE backup_volume SET confirmed_by = ?, confirmed_key = ?, confirmed_at = ?
     WHERE set_id = ? AND number = ? AND handed_at IS NOT NULL`,
  )
  const setRemoved = store.prepare('UPDATE backup_volume SET removed = 1 WHERE set_id = ? AND number = ?')
  const selectMailboxes = store.prepare<{ path: string; special_use: SpecialUse | null; subscribed: number }>(
    'SELECT path, special_use, subscribed FROM backup_mailbox WHERE account = ? ORDER BY path',
  )
  const keepMailbox = store.prepare(
    `INSERT INTO backup_mailbox (account, path, special_use, subscribed) VALUES (?, ?, ?, ?)
     ON CONFLICT (account, path) DO UPDATE SET special_use = excluded.special_use, subscribed = excluded.subscribed`,
  )
  const selectHighest = store
    .prepare<number>(
      `SELECT ifnull(max(CAST(destination_key AS INTEGER)), 0) FROM message
       WHERE destination_key IS NOT NULL AND destination_id IN (SELECT id FROM destination WHERE account = ?)`,
    )
    .pluck()
  const selectFound = store.prepare<FoundRow>(
    `SELECT destination_key, bytes, internal_date, applied_flags AS flags, message_id FROM message
     WHERE destination_id = (SELECT id FROM destination WHERE account = ? AND path = ?)
       AND state IN ('landed', 'existing') AND CAST(destination_key AS INTEGER) >= ?
     ORDER BY CAST(destination_key AS INTEGER)`,
  )
  const landHeld = store.prepare(
    `UPDATE message SET state = 'landed', stale = 0, verified_at = @at, position_validity = NULL, position_next = NULL
     WHERE state = 'appending' AND destination_key IS NOT NULL AND ${OF_SCOPE}`,
  )
  const landFlags = store.prepare(
    `UPDATE message SET applied_flags = held_flags, held_flags = NULL WHERE held_flags IS NOT NULL AND ${OF_SCOPE}`,
  )
  const dropFlags = store.prepare(
    `UPDATE message SET held_flags = NULL WHERE held_flags IS NOT NULL AND ${OF_SCOPE}`,
  )
  const selectHeld = store
    .prepare<number>(
      `SELECT id FROM message WHERE state = 'appending' AND destination_key IS NOT NULL AND ${OF_SCOPE}`,
    )
    .pluck()
  const selectAppending = store.prepare<number>(`SELECT id FROM message WHERE state = 'appending'`).pluck()
  const dropKey = store.prepare(
    `UPDATE message SET destination_key = NULL, destination_validity = NULL WHERE id = ? AND state = 'appending'`,
  )
  // Begun and not written down yet: a set enters with its first volume.
  const fresh = new Map<string | null, SetState>()

  const readSeries = (): BackupSeries | null => {
    const row = selectSeries.get()
    return row === undefined ? null : { id: row.id, from: row.ends, per: row.per, form: row.form }
  }

  const setOf = (account: string | null, now: () => number): SetState => {
    const last = selectLastSet.get(account)
    const volume = last === undefined ? undefined : selectLastVolume.get(last.id)
    if (last !== undefined && volume !== undefined && last.ended_at === null) {
      return { ...toSet(last), volume: volume.number + 1, previous: volume.plain_sha256 }
    }
    const sequence = (last?.sequence ?? 0) + 1
    const known = fresh.get(account)
    if (known?.sequence === sequence) return known
    const parent =
      last === undefined || volume === undefined ? null : { set: last.id, sha256: volume.plain_sha256 }
    const id = randomBytes(16).toString('hex')
    const state: SetState = { id, sequence, account, parent, beganAt: now(), volume: 1, previous: null }
    fresh.set(account, state)
    return state
  }

  const commit = store.write('commitVolume', (volume: WrittenVolume) => {
    const { set, number } = volume
    const parent = set.parent === null ? null : JSON.stringify(set.parent)
    const recipients = JSON.stringify(volume.recipients)
    insertSet.run(set.id, set.sequence, set.account, parent, recipients, set.beganAt)
    const { path, bytes, sha256, plainSha256, messages, messageBytes, writtenAt } = volume
    const last = volume.last ? 1 : 0
    insertVolume.run(set.id, number, last, path, bytes, sha256, plainSha256, messages, messageBytes, writtenAt)
    if (volume.last) endSet.run(writtenAt, set.id)
    const landed = landHeld.run({ at: writtenAt, account: set.account }).changes
    if (landed !== messages) {
      throw new SealpostError(
        'bug',
        `ledger: commitVolume: ${landed} messages are held, and the volume has ${messages}`,
      )
    }
    landFlags.run({ account: set.account })
    for (const { account, mailbox, specialUse, subscribed } of volume.mailboxes) {
      keepMailbox.run(account, encodePath(mailbox), specialUse, subscribed ? 1 : 0)
    }
  })

  const release = store.write('releaseHeld', (ids: readonly number[], account: string | null) => {
    for (const id of ids) dropKey.run(id)
    dropFlags.run({ account })
  })

  const discard = (account: string | null): void => {
    const ids = selectHeld.all({ account })
    release(ids, account)
    ledger.revert(ids)
  }

  const find = store.read('findHeld', (account: string, path: readonly string[], from: number) =>
    selectFound.all(account, encodePath(path), from).map(toCandidate),
  )

  return {
    get series() {
      return readSeries()
    },

    begin: store.write('beginSeries', ({ from, per, form }) => {
      if (readSeries() !== null) throw new SealpostError('bug', 'ledger: beginSeries: it has begun already')
      const id = randomBytes(16).toString('hex')
      insertSeries.run(id, from, per, form)
      return { id, from, per, form }
    }),

    book: (now) => {
      const series = readSeries()
      if (series === null) throw new SealpostError('bug', 'ledger: book: no series has begun')
      return {
        series: series.id,
        setOf: store.read('setOf', (account) => setOf(account, now)),
        nextNumber: store.read('nextNumber', (account) => (selectHighest.get(account) ?? 0) + 1),
        mailboxes: store.read('archivedMailboxes', (account) =>
          selectMailboxes.all(account).map((row): ArchivedMailbox => ({
            account,
            mailbox: decodePath(row.path),
            specialUse: row.special_use,
            subscribed: row.subscribed === 1,
          })),
        ),
        find,
        commit,
        discard,
      }
    },

    releaseAll: () => {
      const ids = selectAppending.all()
      release(ids, null)
      ledger.revert(ids)
    },

    volumes: store.read('volumes', () => {
      const sets = new Map(selectSets.all().map((row) => [row.id, toBackupSet(row)]))
      return selectVolumes.all().flatMap((row) => {
        const set = sets.get(row.set_id)
        return set === undefined ? [] : [toVolume(row, set)]
      })
    }),

    sets: store.read('sets', () => selectSets.all().map(toBackupSet)),

    setHandover: store.write('setHandover', (set, number, { to, how, at }) => {
      expectOne('setHandover', setHandover.run(to, how, at, set, number).changes)
    }),

    setConfirmed: store.write('setConfirmed', (set, number, { by, key, at }) => {
      expectOne('setConfirmed', setConfirmed.run(by, key, at, set, number).changes)
    }),

    setRemoved: store.write('setRemoved', (set, number) => {
      expectOne('setRemoved', setRemoved.run(set, number).changes)
    }),
  }
}

function expectOne(what: string, changes: number): void {
  if (changes !== 1) throw new SealpostError('bug', `ledger: ${what}: there is no such volume`)
}

function toSet(row: SetRow): Pick<SetState, 'id' | 'sequence' | 'account' | 'parent' | 'beganAt'> {
  const parent = row.parent === null ? null : (JSON.parse(row.parent) as SetState['parent'])
  return { id: row.id, sequence: row.sequence, account: row.account, parent, beganAt: row.began_at }
}

function toBackupSet(row: SetRow): BackupSet {
  return { ...toSet(row), recipients: JSON.parse(row.recipients) as readonly Recipient[], endedAt: row.ended_at }
}

function toVolume(row: VolumeRow, set: BackupSet): VolumeRecord {
  const confirmed =
    row.confirmed_by === null || row.confirmed_at === null
      ? null
      : { by: row.confirmed_by, key: row.confirmed_key, at: row.confirmed_at }
  return {
    set,
    number: row.number,
    last: row.last === 1,
    path: row.path,
    bytes: row.bytes,
    sha256: row.sha256,
    plainSha256: row.plain_sha256,
    messages: row.messages,
    messageBytes: row.message_bytes,
    writtenAt: row.written_at,
    removed: row.removed === 1,
    handover:
      row.handed_to === null || row.handed_at === null
        ? null
        : { to: row.handed_to, how: row.handed_how, at: row.handed_at, confirmed },
  }
}

function toCandidate(row: FoundRow): Candidate {
  return {
    key: row.destination_key,
    bytes: row.bytes,
    internalDate: row.internal_date,
    flags: decodeFlags(row.flags),
    messageId: row.message_id,
  }
}
