import { SealpostError } from '../core/errors.ts'
import type { Ledger } from '../core/ledger.ts'
import { claimWriter } from './claims.ts'
import { createHeritage } from './heritage.ts'
import { rowReader, sameBytes, toMessage, wrongState, type MessageRow } from './rows.ts'
import type { Store } from './store.ts'

type Methods = Pick<Ledger, 'moved' | 'inheritMove'>

/** Mail that went from one mailbox of the source to another, or away and back again under a new key. */
export function moveMethods(store: Store): Methods {
  const readRow = rowReader(store)
  const heritage = createHeritage(store)
  const writeClaim = claimWriter(store)
  const exists = store.prepare<number>('SELECT 1 FROM message WHERE id = ?').pluck()
  const unverify = store.prepare('UPDATE message SET verified_at = NULL, fidelity = NULL WHERE id = ?')
  const selectMoved = store.prepare<MessageRow>(
    `SELECT message.* FROM message INDEXED BY message_moved
     WHERE match_digest = ? AND gone = 1 AND destination_key IS NOT NULL AND state IN ('landed', 'existing')
       AND mailbox_id IN (SELECT id FROM mailbox WHERE pair_id = ?)
     ORDER BY id`,
  )

  return {
    moved: store.read('moved', (pairId, matchDigest) => selectMoved.all(matchDigest, pairId).map(toMessage)),

    inheritMove: store.write('inheritMove', (id, fromId, digests, claim) => {
      const row = readRow('inheritMove', id)
      const done = row.state !== 'discovered' && exists.get(fromId) === undefined
      if (done && row.destination_key === claim.key && sameBytes(row.match_digest, digests.matchDigest)) return
      if (row.state !== 'discovered' || row.waiting === 1) throw wrongState('inheritMove', row)
      const from = readRow('inheritMove', fromId)
      if (from.state !== 'landed' && from.state !== 'existing') throw wrongState('inheritMove', from)
      if (from.gone === 0) throw new SealpostError('bug', `ledger: inheritMove: row ${fromId} has not moved`)
      heritage.takeOver(row, { ...from, destination_key: null, destination_validity: null }, digests)
      const validity = claim.validity ?? row.present_validity
      writeClaim('inheritMove', row, from.state, { key: claim.key, validity })
      // The copy has another place now, and nobody has looked at it there.
      unverify.run(id)
    }),
  }
}
