import { SealpostError } from '../core/errors.ts'
import type { Ledger, MailboxRecord, Pair } from '../core/ledger.ts'
import { encodePath, toMailbox, type MailboxRow } from './rows.ts'
import type { Store } from './store.ts'

type Methods = Pick<
  Ledger,
  'openPair' | 'pairs' | 'openMailbox' | 'redirect' | 'hasBegun' | 'mailbox' | 'mailboxes'
>

const SELECT_MAILBOX = `
  SELECT mailbox.*, destination.path AS destination_path, destination.validity, destination.surveyed
  FROM mailbox JOIN destination ON destination.id = mailbox.destination_id`

/** Pairs and mailboxes. Destinations belong to the account they lie in, since two pairs may share one. */
export function mailboxMethods(store: Store): Methods {
  const selectPair = store.prepare<Pair>(
    'SELECT id, source, destination FROM pair WHERE source = ? AND destination = ?',
  )
  const insertPair = store.prepare('INSERT INTO pair (source, destination) VALUES (?, ?)')
  const selectPairs = store.prepare<Pair>('SELECT id, source, destination FROM pair ORDER BY id')
  const selectKnown = store.prepare<MailboxRow>(
    `${SELECT_MAILBOX} WHERE mailbox.pair_id = ? AND mailbox.source_path = ?`,
  )
  const addDestination = store.prepare(
    `INSERT INTO destination (account, path) SELECT destination, ? FROM pair WHERE id = ?
     ON CONFLICT (account, path) DO NOTHING`,
  )
  const insertMailbox = store.prepare(
    `INSERT INTO mailbox (pair_id, source_path, special_use, destination_id)
     SELECT pair.id, ?, ?, destination.id
     FROM pair JOIN destination ON destination.account = pair.destination AND destination.path = ?
     WHERE pair.id = ?`,
  )
  const pointMailbox = store.prepare(
    `UPDATE mailbox SET destination_id = destination.id FROM destination, pair
     WHERE mailbox.id = ? AND pair.id = mailbox.pair_id AND destination.account = pair.destination AND destination.path = ?`,
  )
  const pointMessages = store.prepare(
    `UPDATE message SET destination_id = mailbox.destination_id FROM mailbox
     WHERE mailbox.id = ? AND message.mailbox_id = mailbox.id`,
  )
  const begun = store.prepare<unknown>(
    `SELECT 1 FROM message
     WHERE mailbox_id = ? AND (attempts > 0 OR state IN ('appending', 'landed', 'existing')) LIMIT 1`,
  )
  const selectMailbox = mailboxReader(store)
  const selectMailboxes = store.prepare<MailboxRow>(
    `${SELECT_MAILBOX} WHERE mailbox.pair_id = ? ORDER BY mailbox.id`,
  )

  return {
    openPair: store.write('openPair', (source, destination) => {
      const known = selectPair.get(source, destination)
      if (known !== undefined) return known
      const { lastInsertRowid } = insertPair.run(source, destination)
      return { id: Number(lastInsertRowid), source, destination }
    }),

    pairs: store.read('pairs', () => selectPairs.all()),

    openMailbox: store.write('openMailbox', (pairId, sourcePath, specialUse, destinationPath): MailboxRecord => {
      const known = selectKnown.get(pairId, encodePath(sourcePath))
      if (known !== undefined) return toMailbox(known)
      const path = encodePath(destinationPath)
      addDestination.run(path, pairId)
      const added = insertMailbox.run(encodePath(sourcePath), specialUse, path, pairId)
      if (added.changes !== 1) throw new SealpostError('bug', `ledger: openMailbox: there is no pair ${pairId}`)
      return toMailbox(selectMailbox('openMailbox', Number(added.lastInsertRowid)))
    }),

    redirect: store.write('redirect', (mailboxId, destinationPath) => {
      if (begun.get(mailboxId) !== undefined)
        throw new SealpostError('bug', 'ledger: redirect: something has begun')
      const path = encodePath(destinationPath)
      addDestination.run(path, selectMailbox('redirect', mailboxId).pair_id)
      pointMailbox.run(mailboxId, path)
      pointMessages.run(mailboxId)
    }),

    hasBegun: store.read('hasBegun', (mailboxId) => begun.get(mailboxId) !== undefined),

    mailbox: store.read('mailbox', (mailboxId) => toMailbox(selectMailbox('mailbox', mailboxId))),

    mailboxes: store.read('mailboxes', (pairId) => selectMailboxes.all(pairId).map(toMailbox)),
  }
}

/** Reads the mailbox with this id, or throws `bug`. */
export function mailboxReader(store: Store): (what: string, id: number) => MailboxRow {
  const select = store.prepare<MailboxRow>(`${SELECT_MAILBOX} WHERE mailbox.id = ?`)
  return (what, id) => {
    const row = select.get(id)
    if (row === undefined) throw new SealpostError('bug', `ledger: ${what}: there is no mailbox ${id}`)
    return row
  }
}
