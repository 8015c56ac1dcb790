import type { Ledger } from '../core/ledger.ts'
import { createHeritage } from './heritage.ts'
import { MARK_GONE } from './listing.ts'
import { mailboxReader } from './mailboxes.ts'
import { rowReader, sameBytes, wrongState, type MessageRow, type PlacedRow } from './rows.ts'
import type { Store } from './store.ts'

type Methods = Pick<Ledger, 'beginEpoch' | 'inherit' | 'endEpochs'>

/** Epochs: the source's validity changed, and rows find their messages again by content. */
export function epochMethods(store: Store): Methods {
  const readMailbox = mailboxReader(store)
  const readRow = rowReader(store)
  const heritage = createHeritage(store)
  const nextEpoch = store.prepare('UPDATE mailbox SET epoch = epoch + 1, cursor = NULL WHERE id = ?')
  // Of these no byte was ever read: nothing can match them, and the new listing names again what is still there.
  const dropUnread = store.prepare(
    `DELETE FROM message WHERE mailbox_id = ? AND epoch = ? AND state IN ('discovered', 'skipped')
     AND digest IS NULL AND attempts = 0`,
  )
  const setWaiting = store.prepare(
    `UPDATE message SET waiting = 1 WHERE mailbox_id = ? AND epoch = ? AND state <> 'expunged'`,
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
    `UPDATE message SET ${MARK_GONE}, waiting = 0 WHERE mailbox_id = ? AND waiting = 1`,
  )

  return {
    beginEpoch: store.write('beginEpoch', (mailboxId) => {
      const { epoch } = readMailbox('beginEpoch', mailboxId)
      dropUnread.run(mailboxId, epoch)
      setWaiting.run(mailboxId, epoch)
      nextEpoch.run(mailboxId)
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
      endWaiting.run(mailboxId)
    }),
  }
}

/** True for a row of an epoch that has been ended: its key means nothing and nothing waits for it. */
export function isStranded(row: PlacedRow): boolean {
  return row.epoch !== row.present_epoch && row.waiting === 0
}
