import type { Ledger } from '../core/ledger.ts'
import type { Store } from './store.ts'

/** The message is looked for at the source under this very row. */
const STILL_AT_SOURCE = `gone = 0 AND waiting = 0
  AND epoch = (SELECT epoch FROM mailbox WHERE mailbox.id = message.mailbox_id)`

/** Delivered mail that is no longer where it was delivered. */
export function putBackMethods(store: Store): Pick<Ledger, 'putBack'> {
  const selectMissing = store
    .prepare<number>(
      `SELECT message.id FROM finding JOIN message ON message.id = finding.message_id
       WHERE finding.check_group = 'verify' AND finding.check_name = 'missing' AND finding.class = @found
         AND finding.mailbox_id = @mailbox
         AND message.fidelity = 'missing' AND message.state IN ('landed', 'existing') AND ${STILL_AT_SOURCE}`,
    )
    .pluck()
  // What was surveyed there before the first run is no longer there either, and must not be adopted once more.
  const dropCandidate = store.prepare(
    `DELETE FROM candidate WHERE (destination_id, key) IN
       (SELECT destination_id, destination_key FROM message WHERE id = ? AND state = 'existing')`,
  )
  const dropFinding = store.prepare(
    `DELETE FROM finding WHERE message_id = ? AND check_group = 'verify' AND check_name = 'missing'`,
  )
  const putBack = store.prepare(
    `UPDATE message SET state = 'appending', doubted = 1, attempts = max(attempts, 1), verified_at = NULL, fidelity = NULL,
       destination_key = NULL, destination_validity = NULL, merged_key = NULL, stale = 0,
       position_validity = NULL, position_next = NULL
     WHERE id = ?`,
  )
  return {
    putBack: store.write('putBack', (mailboxId, found) => {
      const ids = new Set(selectMissing.all({ mailbox: mailboxId, found }))
      for (const id of ids) {
        dropCandidate.run(id)
        dropFinding.run(id)
        putBack.run(id)
      }
      return ids.size
    }),
  }
}
