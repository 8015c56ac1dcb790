import type { Digests } from '../core/digest.ts'
import type { MessageRow } from './rows.ts'
import type { Store } from './store.ts'

/** How rows follow their messages: through a change of the source's validity, and from one mailbox to another. */
export interface Heritage {
  /** Removes `from` and writes its state, claim and history to `to`, whose digests are these. */
  takeOver(to: MessageRow, from: MessageRow, digests: Digests): void
}

/** To be called inside a transaction. */
export function createHeritage(store: Store): Heritage {
  const remove = store.prepare('DELETE FROM message WHERE id = ?')
  const moveFindings = store.prepare('UPDATE finding SET message_id = ? WHERE message_id = ?')
  const update = store.prepare(
    `UPDATE message SET state = ?, bytes = ?, digest = ?, match_digest = ?, match_bytes = ?, nul = ?, fingerprint = ?, message_id = ?,
       destination_validity = ?, destination_key = ?, stale = ?, applied_flags = ?, position_validity = ?,
       position_next = ?, attempts = ?, doubted = ?, verified_at = ?, fidelity = ?, merged_key = ?,
       reason_code = ?, reason_text = ?, reason_server_text = ?
     WHERE id = ? AND state = 'discovered'`,
  )
  const isStale = store.prepare<number>('SELECT stale FROM message WHERE id = ?').pluck()
  return {
    takeOver: (to, from, digests) => {
      const stale = isStale.get(from.id) ?? 0
      // The old row goes first: two rows cannot hold one claim.
      remove.run(from.id)
      update.run(
        from.state,
        digests.bytes,
        digests.digest,
        digests.matchDigest,
        digests.matchBytes,
        digests.nul ? 1 : 0,
        digests.fingerprint,
        from.message_id,
        from.destination_validity,
        from.destination_key,
        stale,
        from.applied_flags,
        from.position_validity,
        from.position_next,
        to.attempts + from.attempts,
        to.doubted | from.doubted,
        from.verified_at,
        from.fidelity,
        from.merged_key,
        from.reason_code,
        from.reason_text,
        from.reason_server_text,
        to.id,
      )
      moveFindings.run(to.id, from.id)
    },
  }
}
