import { SealpostError } from '../core/errors.ts'
import type { Claim, Ledger } from '../core/ledger.ts'
import { isUniqueViolation } from '../sqlite/database-error.ts'
import { rowReader, toMessage, wrongState, type MessageRow, type PlacedRow } from './rows.ts'
import type { Store } from './store.ts'

type Methods = Pick<Ledger, 'unclaimed' | 'claimant' | 'copyHolder' | 'setValidity' | 'staleClaims' | 'reclaim'>

/** Writes a row's state and its place at the destination. Throws `bug` when another row holds the key. */
export type WriteClaim = (
  what: string,
  row: PlacedRow,
  state: 'landed' | 'existing',
  place: Omit<Claim, 'id'>,
) => void

/**
 * A key without a validity would escape the unique index, so it gets the one that the destination has, or the one
 * under which the append was begun. The low-water mark is kept as long as there is no key: it says where to look.
 */
export function claimWriter(store: Store): WriteClaim {
  const update = store.prepare(
    `UPDATE message SET state = @state, destination_key = @key, destination_validity = @validity, stale = @stale,
       merged_key = ifnull(@merged, merged_key),
       position_validity = iif(@key IS NULL, position_validity, NULL), position_next = iif(@key IS NULL, position_next, NULL)
     WHERE id = @id`,
  )
  return (what, row, state, { key, validity, mergedKey = null }) => {
    const kept = validity ?? (key === null ? null : (row.present_validity ?? row.position_validity))
    if (key !== null && kept === null) {
      throw new SealpostError('bug', `ledger: ${what}: row ${row.id}: a key without a validity`)
    }
    const landedUnder = kept ?? row.position_validity
    const stale = row.present_validity !== null && landedUnder !== null && landedUnder !== row.present_validity
    try {
      update.run({ id: row.id, state, key, validity: kept, stale: stale ? 1 : 0, merged: mergedKey })
    } catch (error) {
      if (!isUniqueViolation(error)) throw error
      throw new SealpostError(
        'bug',
        `ledger: ${what}: row ${row.id}: another row holds its key at the destination`,
      )
    }
  }
}

/** Who holds which key at a destination, and what a change of its validity does to that. */
export function claimMethods(store: Store): Methods {
  const readRow = rowReader(store)
  const writeClaim = claimWriter(store)
  const selectClaimant = store.prepare<MessageRow>(
    'SELECT * FROM message WHERE destination_id = ? AND destination_validity = ? AND destination_key = ?',
  )
  const selectHolder = store.prepare<MessageRow>(
    `SELECT * FROM message INDEXED BY message_copy
     WHERE destination_key = ? AND fingerprint IS NOT NULL AND state IN ('landed', 'existing')
       AND destination_id IN (SELECT id FROM destination WHERE account = (SELECT account FROM destination WHERE id = ?))
     ORDER BY id LIMIT 1`,
  )
  const isClaimed = store
    .prepare<number>(
      'SELECT 1 FROM message WHERE destination_id = ? AND destination_validity = ? AND destination_key = ?',
    )
    .pluck()
  const setValidity = store.prepare('UPDATE destination SET validity = ? WHERE id = ? AND validity IS NOT ?')
  const exists = store.prepare<number>('SELECT 1 FROM destination WHERE id = ?').pluck()
  const setStale = store.prepare(
    `UPDATE message SET stale = 1 - stale
     WHERE mailbox_id IN (SELECT id FROM mailbox WHERE destination_id = @id) AND state IN ('landed', 'existing')
       AND stale <> (ifnull(coalesce(destination_validity, position_validity), @validity) <> @validity)`,
  )
  const selectStale = store.prepare<MessageRow>(
    `SELECT * FROM message WHERE destination_id = ? AND stale = 1 AND id > ? ORDER BY id LIMIT ?`,
  )

  const reclaimOne = ({ id, key, validity }: Claim): void => {
    const row = readRow('reclaim', id)
    if (row.state !== 'landed' && row.state !== 'existing') throw wrongState('reclaim', row)
    writeClaim('reclaim', row, row.state, { key, validity: validity ?? row.present_validity })
  }

  return {
    unclaimed: store.read('unclaimed', (destinationId, validity, keys) =>
      keys.filter((key) => isClaimed.get(destinationId, validity, key) === undefined),
    ),

    claimant: store.read('claimant', (destinationId, validity, key) => {
      const row = selectClaimant.get(destinationId, validity, key)
      return row === undefined ? null : toMessage(row)
    }),

    copyHolder: store.read('copyHolder', (destinationId, key) => {
      const row = selectHolder.get(key, destinationId)
      return row === undefined ? null : toMessage(row)
    }),

    setValidity: store.write('setValidity', (destinationId, validity) => {
      if (exists.get(destinationId) === undefined) {
        throw new SealpostError('bug', `ledger: setValidity: there is no destination ${destinationId}`)
      }
      if (setValidity.run(validity, destinationId, validity).changes === 0) return
      setStale.run({ id: destinationId, validity })
    }),

    staleClaims: store.read('staleClaims', (destinationId, afterId, limit) =>
      selectStale.all(destinationId, afterId, limit).map(toMessage),
    ),

    reclaim: store.write('reclaim', (claims) => {
      for (const claim of claims) reclaimOne(claim)
    }),
  }
}
