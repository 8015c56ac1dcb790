import type { Ledger } from '../core/ledger.ts'
import { createHeritage } from './heritage.ts'
import { MARK_GONE } from './listing.ts'
import { mailboxReader } from './mailboxes.ts'
import { rowReader, sameBytes, wrongState, type MessageRow, type PlacedRow } from './rows.ts'
import type { Store } from './store.ts'

type Methods = Pick<Ledger, 'beginEpoch' | 'continueEpoch' | 'inherit' | 'endEpochs'>

/**
 * Rows that one call looks at: a fraction of a second, in which the process hears of nothing else. In the order in which
 * they lie in the file; fewer at a time would write the pages of the index, whose order is another, again and again.
 */
const ROWS_A_CALL = 10_000

/** Epochs: the source's validity changed, and rows find their messages again by content. */
export function epochMethods(store: Store): Methods {
  const readMailbox = mailboxReader(store)
  const readRow = rowReader(store)
  const heritage = createHeritage(store)
  const nextEpoch = store.prepare(
    'UPDATE mailbox SET epoch = epoch + 1, cursor = NULL, epoch_after = 0 WHERE id = ?',
  )
  const selectProgress = store.prepare<{ readonly epoch: number; readonly after: number | null }>(
    'SELECT epoch - 1 AS epoch, epoch_after AS after FROM mailbox WHERE id = ?',
  )
  const setProgress = store.prepare('UPDATE mailbox SET epoch_after = ? WHERE id = ?')
  const selectPart = store.prepare<{ readonly last: number | null; readonly count: number }>(
    `SELECT max(id) AS last, count(*) AS count FROM
     (SELECT id FROM message WHERE id > ? ORDER BY id LIMIT ${ROWS_A_CALL})`,
  )
  // Of these no byte was ever read: nothing can match them, and the new listing names again what is still there.
  const dropUnread = store.prepare(
    `DELETE FROM message WHERE id > ? AND id <= ? AND +mailbox_id = ? AND +epoch = ?
     AND +state IN ('discovered', 'skipped') AND digest IS NULL AND attempts = 0`,
  )
  const setWaiting = store.prepare(
    `UPDATE message SET waiting = 1 WHERE id > ? AND id <= ? AND +mailbox_id = ? AND +epoch = ?
     AND +state <> 'expunged'`,
  )
  // Rows that need nothing more go first, then what a row of the source has vanished for; twins by date and flags.
  const selectWaiting = store.prepare<MessageRow>(
    `SELECT * FROM message WHERE mailbox_id = ? AND match_digest = ? AND waiting = 1 AND state <> 'expunged'
     ORDER BY gone,
       CASE WHEN state IN ('landed', 'existing') THEN 0 WHEN state = 'appending' THEN 1
         WHEN state = 'discovered' THEN 3 ELSE 2 END,
       internal_date <> ?, flags <> ?, id
     LIMIT 1`,
  )
  const endWaiting = store.prepare(
    `UPDATE message SET ${MARK_GONE}, waiting = 0 WHERE id > ? AND id <= ? AND +mailbox_id = ? AND +waiting = 1`,
  )
  /** How far `endEpochs` has come in a mailbox; begun anew it finds nothing to do in what it has been through. */
  const endedAfter = new Map<number, number>()

  /** Calls back with the next stretch of rows, if there is one; returns where it ends, or null when it was the last. */
  const stretch = (after: number, change: (last: number) => void): number | null => {
    const { last, count } = selectPart.get(after) ?? { last: null, count: 0 }
    if (last !== null) change(last)
    return count < ROWS_A_CALL ? null : last
  }
  /** Makes some rows of the epoch before wait; true when it was the last of them. */
  const makeSomeWait = (mailboxId: number): boolean => {
    const progress = selectProgress.get(mailboxId)
    if (progress === undefined || progress.after === null) return true
    const { epoch, after } = progress
    const next = stretch(after, (last) => {
      dropUnread.run(after, last, mailboxId, epoch)
      setWaiting.run(after, last, mailboxId, epoch)
    })
    setProgress.run(next, mailboxId)
    return next === null
  }

  return {
    beginEpoch: store.write('beginEpoch', (mailboxId) => {
      readMailbox('beginEpoch', mailboxId)
      // One at a time: which rows still have to be seen to is known of the latest epoch only.
      while (!makeSomeWait(mailboxId));
      nextEpoch.run(mailboxId)
      makeSomeWait(mailboxId)
    }),

    continueEpoch: store.write('continueEpoch', (mailboxId) => {
      readMailbox('continueEpoch', mailboxId)
      return makeSomeWait(mailboxId)
    }),

    inherit: store.write('inherit', (id, digests) => {
      const row = readRow('inherit', id)
      if (row.state !== 'discovered') {
        if (sameBytes(row.match_digest, digests.matchDigest)) return true
        throw wrongState('inherit', row)
      }
      if (row.epoch !== row.present_epoch) throw wrongState('inherit', row)
      const old = selectWaiting.get(row.mailbox_id, digests.matchDigest, row.internal_date, row.flags)
      if (old === undefined) return false
      heritage.takeOver(row, old, digests)
      // An old row that was still to be sent hands down its history, and the new one is to be sent.
      return old.state !== 'discovered'
    }),

    endEpochs: store.write('endEpochs', (mailboxId) => {
      readMailbox('endEpochs', mailboxId)
      const after = endedAfter.get(mailboxId) ?? 0
      const next = stretch(after, (last) => endWaiting.run(after, last, mailboxId))
      if (next === null) endedAfter.delete(mailboxId)
      else endedAfter.set(mailboxId, next)
      return next === null
    }),
  }
}

/** True for a row of an epoch that has been ended: its key means nothing and nothing waits for it. */
export function isStranded(row: PlacedRow): boolean {
  return row.epoch !== row.present_epoch && row.waiting === 0
}
