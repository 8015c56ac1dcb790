import { SealpostError } from '../core/errors.ts'
import type { Ledger, NewRow } from '../core/ledger.ts'
import type { MessageState } from '../core/states.ts'
import { mailboxReader } from './mailboxes.ts'
import { encodeFlags, type MailboxRow } from './rows.ts'
import type { Store } from './store.ts'

type Methods = Pick<
  Ledger,
  'beginListing' | 'addListed' | 'leaveOut' | 'setSourceFlags' | 'markPresent' | 'markGone' | 'endListing'
>

/**
 * What being gone does to a row. One in flight stays so, since it may have landed: reconcile decides. Used by
 * statements that name the rows.
 */
export const MARK_GONE = `
  gone = 1,
  state = CASE WHEN state IN ('discovered', 'skipped', 'quarantined') THEN 'expunged' ELSE state END`

/** The rows that being gone still changes something for. */
export const NOT_YET_GONE = `(gone = 0 OR state IN ('discovered', 'skipped', 'quarantined'))`

/**
 * The rows of which no copy can be at the destination, so that they are no source when the project leaves them out. Under a
 * mailbox that was refused there may be a copy that was never looked for.
 */
export const DROPPABLE = `(state IN ('discovered', 'skipped')
  OR (state = 'quarantined' AND (attempts = 0 OR reason_code <> 'mailbox-refused')))`

/** What listings of the source say. Keys mean rows of the mailbox's present epoch. */
export function listingMethods(store: Store): Methods {
  const readMailbox = mailboxReader(store)
  const nextListing = store
    .prepare<number>('UPDATE mailbox SET listing = listing + 1 WHERE id = ? RETURNING listing')
    .pluck()
  const select = store.prepare<{ readonly id: number; readonly state: MessageState }>(
    'SELECT id, state FROM message WHERE mailbox_id = ? AND epoch = ? AND key = ?',
  )
  const insert = store.prepare(
    `INSERT INTO message (mailbox_id, destination_id, epoch, key, bytes, internal_date, flags, state, seen,
       reason_code, reason_text, reason_server_text, identity)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const touch = store.prepare('UPDATE message SET flags = ?, seen = ?, gone = 0 WHERE id = ?')
  const revive = store.prepare(
    `UPDATE message SET state = ?, reason_code = ?, reason_text = ?, reason_server_text = ?
     WHERE id = ? AND state = 'expunged'`,
  )
  const present = store.prepare('UPDATE message SET seen = ?, gone = 0 WHERE id = ?')
  const setFlags = store.prepare('UPDATE message SET flags = ? WHERE mailbox_id = ? AND epoch = ? AND key = ?')
  const dropRow = store.prepare(`DELETE FROM message WHERE id = ? AND ${DROPPABLE}`)
  const dropFindings = store.prepare('DELETE FROM finding WHERE message_id = ?')
  const setGone = store.prepare(
    `UPDATE message SET ${MARK_GONE} WHERE mailbox_id = ? AND epoch = ? AND key = ? AND ${NOT_YET_GONE}`,
  )
  const setUnseenGone = store.prepare(
    `UPDATE message SET ${MARK_GONE} WHERE mailbox_id = ? AND epoch = ? AND seen < ? AND ${NOT_YET_GONE}`,
  )
  const setCursor = store.prepare('UPDATE mailbox SET cursor = ? WHERE id = ?')

  /** Returns 1 when the row is new. */
  const addOne = (mailbox: MailboxRow, listing: number, { listed, skip }: NewRow): number => {
    const flags = encodeFlags(listed.flags)
    const state = skip === null ? 'discovered' : 'skipped'
    const reason = [skip?.code ?? null, skip?.text ?? null, skip?.serverText ?? null]
    const known = select.get(mailbox.id, mailbox.epoch, listed.key)
    if (known === undefined) {
      const { key, bytes, internalDate, identity = null } = listed
      const { id, destination_id, epoch } = mailbox
      insert.run(id, destination_id, epoch, key, bytes, internalDate, flags, state, listing, ...reason, identity)
      return 1
    }
    touch.run(flags, listing, known.id)
    if (known.state === 'expunged') revive.run(state, ...reason, known.id)
    return 0
  }

  const checkListing = (what: string, mailboxId: number, listing: number): MailboxRow => {
    const mailbox = readMailbox(what, mailboxId)
    if (listing >= 1 && listing <= mailbox.listing) return mailbox
    throw new SealpostError('bug', `ledger: ${what}: mailbox ${mailboxId} has no listing ${listing}`)
  }

  return {
    beginListing: store.note('beginListing', (mailboxId) => {
      readMailbox('beginListing', mailboxId)
      return nextListing.get(mailboxId) ?? 0
    }),

    addListed: store.note('addListed', (mailboxId, listing, rows) => {
      const mailbox = checkListing('addListed', mailboxId, listing)
      let added = 0
      for (const row of rows) added += addOne(mailbox, listing, row)
      return added
    }),

    leaveOut: store.note('leaveOut', (mailboxId, listing, messages) => {
      const { epoch } = checkListing('leaveOut', mailboxId, listing)
      for (const { key, flags } of messages) {
        const known = select.get(mailboxId, epoch, key)
        if (known === undefined) continue
        if (dropRow.run(known.id).changes === 1) dropFindings.run(known.id)
        else touch.run(encodeFlags(flags), listing, known.id)
      }
    }),

    setSourceFlags: store.note('setSourceFlags', (mailboxId, states) => {
      const { epoch } = readMailbox('setSourceFlags', mailboxId)
      let unknown = 0
      for (const { key, flags } of states)
        if (setFlags.run(encodeFlags(flags), mailboxId, epoch, key).changes === 0) unknown++
      return unknown
    }),

    markPresent: store.note('markPresent', (mailboxId, listing, keys) => {
      const { epoch } = checkListing('markPresent', mailboxId, listing)
      for (const key of keys) {
        const known = select.get(mailboxId, epoch, key)
        if (known === undefined) continue
        present.run(listing, known.id)
        if (known.state === 'expunged') revive.run('discovered', null, null, null, known.id)
      }
    }),

    markGone: store.write('markGone', (mailboxId, keys) => {
      const { epoch } = readMailbox('markGone', mailboxId)
      for (const key of keys) setGone.run(mailboxId, epoch, key)
    }),

    endListing: store.write('endListing', (mailboxId, listing, cursor, complete) => {
      const { epoch } = checkListing('endListing', mailboxId, listing)
      setCursor.run(cursor, mailboxId)
      if (complete) setUnseenGone.run(mailboxId, epoch, listing)
    }),
  }
}
