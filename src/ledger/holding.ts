import { SealpostError } from '../core/errors.ts'
import type { Ledger } from '../core/ledger.ts'
import { isUniqueViolation } from '../sqlite/database-error.ts'
import { encodeFlags, rowReader, wrongState } from './rows.ts'
import type { Store } from './store.ts'

/** What lies in a volume that is not whole yet. */
export function holdMethods(store: Store): Pick<Ledger, 'hold' | 'holdFlags'> {
  const readRow = rowReader(store)
  const hold = store.prepare(
    `UPDATE message SET destination_key = ?, destination_validity = ? WHERE id = ? AND state = 'appending'`,
  )
  const holdFlags = store.prepare(
    `UPDATE message SET held_flags = ? WHERE id = ? AND state IN ('landed', 'existing')`,
  )
  return {
    hold: store.write('hold', (claims) => {
      for (const { id, key, validity } of claims) {
        if (key === null || validity === null) throw new SealpostError('bug', `ledger: hold: row ${id} has no key`)
        try {
          if (hold.run(key, validity, id).changes !== 1) throw wrongState('hold', readRow('hold', id))
        } catch (error) {
          if (!isUniqueViolation(error)) throw error
          throw new SealpostError('bug', `ledger: hold: row ${id}: another row holds its key at the destination`)
        }
      }
    }),

    holdFlags: store.write('holdFlags', (items) => {
      for (const { id, flags } of items) {
        if (holdFlags.run(encodeFlags(flags), id).changes !== 1)
          throw wrongState('holdFlags', readRow('holdFlags', id))
      }
    }),
  }
}
