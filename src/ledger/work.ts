import type { Ledger, MessageRecord } from '../core/ledger.ts'
import { SealpostError } from '../core/errors.ts'
import { encodeFlags, rowReader, toMessage, wrongState, type MessageRow } from './rows.ts'
import type { Store } from './store.ts'

type Methods = Pick<
  Ledger,
  | 'pending'
  | 'pendingSights'
  | 'pendingAhead'
  | 'message'
  | 'inDoubt'
  | 'doubted'
  | 'flagWork'
  | 'setAppliedFlags'
  | 'delivered'
  | 'setVerified'
  | 'setFidelity'
>

/** What there is to do: to send, to reconcile, to merge flags, to verify. */
export function workMethods(store: Store): Methods {
  const readRow = rowReader(store)
  const selectPending = store.prepare<MessageRow>(
    `SELECT * FROM message INDEXED BY message_pending
     WHERE mailbox_id = ? AND state = 'discovered' AND waiting = 0 AND id > ? ORDER BY id LIMIT ?`,
  )
  const countAhead = store
    .prepare<number>(
      `SELECT count(*) FROM (SELECT 1 FROM message INDEXED BY message_pending
       WHERE mailbox_id = ? AND state = 'discovered' AND waiting = 0 AND id > ? LIMIT ?)`,
    )
    .pluck()
  const ofPair = `mailbox_id IN (SELECT id FROM mailbox WHERE pair_id =
    (SELECT pair_id FROM mailbox WHERE id = message.mailbox_id))`
  const selectSights = store.prepare<MessageRow>(
    `SELECT * FROM message INDEXED BY message_pending
     WHERE mailbox_id = ? AND state = 'discovered' AND waiting = 0 AND id > ?
       AND (identity IS NULL
         OR EXISTS (SELECT 1 FROM message AS twin INDEXED BY message_identity
           WHERE twin.identity = message.identity AND twin.state IN ('landed', 'existing')
             AND twin.destination_key IS NOT NULL AND twin.${ofPair})
         OR NOT EXISTS (SELECT 1 FROM message AS twin INDEXED BY message_identity
           WHERE twin.identity = message.identity AND twin.id < message.id
             AND twin.state IN ('discovered', 'appending') AND twin.${ofPair}))
     ORDER BY id LIMIT ?`,
  )
  const selectInDoubt = store.prepare<MessageRow>(
    `SELECT * FROM message INDEXED BY message_appending WHERE mailbox_id = ? AND state = 'appending'
       AND destination_key IS NULL ORDER BY id`,
  )
  const selectDoubted = store.prepare<MessageRow>(
    `SELECT * FROM message INDEXED BY message_doubted WHERE mailbox_id = ? AND doubted = 1 ORDER BY id`,
  )
  const selectFlagWork = store.prepare<MessageRow>(
    `SELECT * FROM message INDEXED BY message_flags
     WHERE mailbox_id = ? AND state IN ('landed', 'existing') AND flags <> applied_flags AND id > ?
     ORDER BY id LIMIT ?`,
  )
  const setApplied = store.prepare(
    `UPDATE message SET applied_flags = ? WHERE id = ? AND state IN ('landed', 'existing')`,
  )
  const selectDelivered = store.prepare<MessageRow>(
    `SELECT * FROM message INDEXED BY message_delivered
     WHERE mailbox_id = ? AND state IN ('landed', 'existing') AND id > ? ORDER BY id LIMIT ?`,
  )
  const setVerified = store.prepare(
    `UPDATE message SET verified_at = ? WHERE id = ? AND state IN ('landed', 'existing')`,
  )
  const setFidelity = store.prepare(
    `UPDATE message SET fidelity = ? WHERE id = ? AND state IN ('landed', 'existing')`,
  )

  return {
    pending: store.read('pending', (mailboxId, afterId, messages, bytes) =>
      upTo(bytes, selectPending.iterate(mailboxId, afterId, messages)),
    ),

    pendingSights: store.read('pendingSights', (mailboxId, afterId, messages, bytes) =>
      upTo(bytes, selectSights.iterate(mailboxId, afterId, messages)),
    ),

    pendingAhead: store.read(
      'pendingAhead',
      (mailboxId, afterId, limit) => countAhead.get(mailboxId, afterId, limit) ?? 0,
    ),

    message: store.read('message', (id) => toMessage(readRow('message', id))),

    inDoubt: store.read('inDoubt', (mailboxId) => selectInDoubt.all(mailboxId).map(toMessage)),

    doubted: store.read('doubted', (mailboxId) => selectDoubted.all(mailboxId).map(toMessage)),

    flagWork: store.read('flagWork', (mailboxId, afterId, limit) =>
      selectFlagWork.all(mailboxId, afterId, limit).map(toMessage),
    ),

    setAppliedFlags: store.write('setAppliedFlags', (items) => {
      for (const { id, flags } of items) {
        if (setApplied.run(encodeFlags(flags), id).changes !== 1) {
          throw wrongState('setAppliedFlags', readRow('setAppliedFlags', id))
        }
      }
    }),

    delivered: store.read('delivered', (mailboxId, afterId, limit) =>
      selectDelivered.all(mailboxId, afterId, limit).map(toMessage),
    ),

    setVerified: store.note('setVerified', (ids, at) => {
      if (!Number.isSafeInteger(at)) throw new SealpostError('bug', 'ledger: setVerified: not a time')
      for (const id of ids) {
        if (setVerified.run(at, id).changes !== 1) throw wrongState('setVerified', readRow('setVerified', id))
      }
    }),

    setFidelity: store.note('setFidelity', (ids, fidelity) => {
      for (const id of ids) {
        if (setFidelity.run(fidelity, id).changes !== 1)
          throw wrongState('setFidelity', readRow('setFidelity', id))
      }
    }),
  }
}

/** The first rows that together have at most so many bytes; one always. */
function upTo(bytes: number, rows: Iterable<MessageRow>): readonly MessageRecord[] {
  const taken: MessageRecord[] = []
  let sum = 0
  for (const row of rows) {
    sum += row.bytes
    if (taken.length > 0 && sum > bytes) break
    taken.push(toMessage(row))
  }
  return taken
}
