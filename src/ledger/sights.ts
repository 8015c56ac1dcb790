import type { Ledger } from '../core/ledger.ts'
import { toMessage, type MessageRow } from './rows.ts'
import type { Store } from './store.ts'

type Methods = Pick<Ledger, 'ownersOf' | 'landedTwin'>

/** One message in several mailboxes of a source with labels: the rows that share an identity. */
export function sightMethods(store: Store): Methods {
  const owner = store
    .prepare<number>(
      `SELECT message.mailbox_id FROM message INDEXED BY message_identity JOIN mailbox ON mailbox.id = message.mailbox_id
       WHERE message.identity = ? AND message.gone = 0 AND message.epoch = mailbox.epoch AND mailbox.pair_id = ?
       ORDER BY message.id LIMIT 1`,
    )
    .pluck()
  const twin = store.prepare<MessageRow>(
    `SELECT message.* FROM message INDEXED BY message_identity
     WHERE identity = ? AND mailbox_id <> ? AND state IN ('landed', 'existing') AND destination_key IS NOT NULL AND stale = 0
       AND mailbox_id IN (SELECT id FROM mailbox WHERE pair_id = (SELECT pair_id FROM mailbox WHERE id = ?))
     ORDER BY id LIMIT 1`,
  )
  return {
    ownersOf: store.read('ownersOf', (pairId, identities) => {
      const owners = new Map<string, number>()
      for (const identity of identities) {
        const mailboxId = owner.get(identity, pairId)
        if (mailboxId !== undefined) owners.set(identity, mailboxId)
      }
      return owners
    }),

    landedTwin: store.read('landedTwin', ({ identity, mailboxId }) => {
      if (identity === null) return null
      const row = twin.get(identity, mailboxId, mailboxId)
      return row === undefined ? null : toMessage(row)
    }),
  }
}
