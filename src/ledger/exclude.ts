import type { Ledger } from '../core/ledger.ts'
import { DROPPABLE } from './listing.ts'
import { mailboxReader } from './mailboxes.ts'
import type { Store } from './store.ts'

/** Mailboxes that the mapping leaves out after they were begun. */
export function excludeMethods(store: Store): Pick<Ledger, 'exclude'> {
  const readMailbox = mailboxReader(store)
  const dropFindings = store.prepare(
    `DELETE FROM finding WHERE mailbox_id = @id
     AND (check_group = 'listing' OR message_id IN (SELECT id FROM message WHERE mailbox_id = @id AND ${DROPPABLE}))`,
  )
  const dropRows = store.prepare(`DELETE FROM message WHERE mailbox_id = ? AND ${DROPPABLE}`)
  const isLeft = store.prepare<number>('SELECT 1 FROM message WHERE mailbox_id = ? LIMIT 1').pluck()
  const setCursor = store.prepare('UPDATE mailbox SET cursor = ? WHERE id = ?')
  const forget = ['finding WHERE mailbox_id = ?', 'counter WHERE mailbox_id = ?', 'mailbox WHERE id = ?'].map(
    (rows) => store.prepare(`DELETE FROM ${rows}`),
  )
  return {
    exclude: store.write('exclude', (mailboxId, cursor) => {
      readMailbox('exclude', mailboxId)
      dropFindings.run({ id: mailboxId })
      dropRows.run(mailboxId)
      if (isLeft.get(mailboxId) === undefined) for (const one of forget) one.run(mailboxId)
      else setCursor.run(cursor, mailboxId)
    }),
  }
}
