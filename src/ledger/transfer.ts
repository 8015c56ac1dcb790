import { SealpostError } from '../core/errors.ts'
import type { Position } from '../core/connector.ts'
import type { Claim, Intent, Ledger, Reason } from '../core/ledger.ts'
import { claimWriter } from './claims.ts'
import { isStranded } from './epochs.ts'
import { isUniqueViolation } from '../sqlite/database-error.ts'
import { encodeFlags, rowReader, sameBytes, wrongState, type PlacedRow } from './rows.ts'
import type { Store } from './store.ts'

type Methods = Pick<Ledger, 'intend' | 'doubt' | 'land' | 'revert' | 'quarantine' | 'skip' | 'expunge' | 'requeue'>

/** What a row loses when its append is over without a copy. */
const NOT_IN_FLIGHT = `position_validity = NULL, position_next = NULL, applied_flags = ''`

/** What was in doubt when its mailbox was refused is in doubt again: its copy was never looked for. */
const REQUEUE = `
  state = CASE WHEN reason_code = 'mailbox-refused' AND attempts > 0 THEN 'appending' ELSE 'discovered' END,
  reason_code = NULL, reason_text = NULL, reason_server_text = NULL`

/** Limits of a destination can be raised; the other reasons for which a message is skipped stay. */
const TO_BE_TRIED_AGAIN = `(state = 'quarantined' OR (state = 'skipped' AND reason_code = 'too-large'))`

/** The transitions of a message. Each is guarded by the state that it starts from; the same facts twice are nothing. */
export function transferMethods(store: Store): Methods {
  const readRow = rowReader(store)
  const writeClaim = claimWriter(store)
  const intend = store.prepare(
    `UPDATE message SET state = 'appending', attempts = attempts + 1, bytes = ?, digest = ?, match_digest = ?,
       match_bytes = ?, nul = ?, fingerprint = ?, message_id = ?, applied_flags = ?, position_validity = ?, position_next = ?
     WHERE id = ? AND state = 'discovered' AND waiting = 0`,
  )
  const land = store.prepare(
    `UPDATE message SET state = 'landed', destination_key = ?, destination_validity = ?, stale = 0,
       position_validity = NULL, position_next = NULL
     WHERE id = ? AND state = 'appending'
       AND (SELECT validity FROM destination WHERE destination.id = message.destination_id) = ?`,
  )
  const revert = store.prepare(
    `UPDATE message SET state = ?, gone = ?, ${NOT_IN_FLIGHT} WHERE id = ? AND state = 'appending'`,
  )
  const doubt = store.prepare(`UPDATE message SET doubted = 1 WHERE id = ? AND state = 'appending'`)
  const except = store.prepare(
    `UPDATE message SET state = ?, reason_code = ?, reason_text = ?, reason_server_text = ?, ${NOT_IN_FLIGHT}
     WHERE id = ? AND state IN ('discovered', 'appending')`,
  )
  const expunge = store.prepare(
    `UPDATE message SET state = 'expunged', gone = 1, ${NOT_IN_FLIGHT}
     WHERE id = ? AND state IN ('discovered', 'appending')`,
  )
  const requeueOne = store.prepare(
    `UPDATE message SET ${REQUEUE} WHERE id = ? AND ${TO_BE_TRIED_AGAIN}
     AND mailbox_id IN (SELECT id FROM mailbox WHERE pair_id = ?)`,
  )
  const requeueAll = store.prepare(
    `UPDATE message INDEXED BY message_exception SET ${REQUEUE}
     WHERE state IN ('quarantined', 'skipped') AND ${TO_BE_TRIED_AGAIN}
     AND mailbox_id IN (SELECT id FROM mailbox WHERE pair_id = ?)`,
  )

  const intendOne = ({ id, digests, messageId, appliedFlags }: Intent, position: Position): void => {
    const { digest, matchDigest, bytes, matchBytes, nul, fingerprint } = digests
    const flags = encodeFlags(appliedFlags)
    const { changes } = intend.run(
      bytes,
      digest,
      matchDigest,
      matchBytes,
      nul ? 1 : 0,
      fingerprint,
      messageId,
      flags,
      position.validity,
      position.next,
      id,
    )
    if (changes === 1) return
    const row = readRow('intend', id)
    const same =
      row.state === 'appending' &&
      sameBytes(row.digest, digest) &&
      row.message_id === messageId &&
      row.applied_flags === flags &&
      row.position_validity === position.validity &&
      row.position_next === position.next
    if (!same) throw wrongState('intend', row)
  }

  const landPlainly = (id: number, key: string, validity: string): boolean => {
    try {
      return land.run(key, validity, id, validity).changes === 1
    } catch (error) {
      // Another row holds the key: said by whoever reads the row.
      if (isUniqueViolation(error)) return false
      throw error
    }
  }

  const landOne = (claim: Claim): void => {
    const { id, key } = claim
    if (key !== null && (claim.mergedKey ?? null) === null && claim.validity !== null) {
      // What nearly all of them are, without reading the row: a claim under the destination's present validity.
      if (landPlainly(id, key, claim.validity)) return
    }
    const row = readRow('land', id)
    if (row.state === 'appending') {
      writeClaim('land', row, 'landed', claim)
      return
    }
    if (row.state !== 'landed') throw wrongState('land', row)
    if (key === null || key === row.destination_key) return
    if (row.destination_key === null) {
      writeClaim('land', row, 'landed', claim)
      return
    }
    throw new SealpostError('bug', `ledger: land: row ${id} has landed with another key`)
  }

  const doubtOne = (id: number): void => {
    if (doubt.run(id).changes === 1) return
    const row = readRow('doubt', id)
    if (row.doubted === 0) throw wrongState('doubt', row)
  }

  const revertOne = (id: number): void => {
    const row = readRow('revert', id)
    if (row.state === 'appending') {
      // Nothing can fetch a row of an ended epoch again, so it has vanished before it landed.
      const stranded = isStranded(row)
      revert.run(stranded ? 'expunged' : 'discovered', stranded ? 1 : row.gone, id)
      return
    }
    if (!isReverted(row)) throw wrongState('revert', row)
  }

  const exceptOne = (what: string, state: 'quarantined' | 'skipped', id: number, reason: Reason): void => {
    if (except.run(state, reason.code, reason.text, reason.serverText, id).changes === 1) return
    const row = readRow(what, id)
    if (row.state !== state || row.reason_code !== reason.code) throw wrongState(what, row)
  }

  const expungeOne = (id: number): void => {
    if (expunge.run(id).changes === 1) return
    const row = readRow('expunge', id)
    if (row.state !== 'expunged') throw wrongState('expunge', row)
  }

  return {
    intend: store.write('intend', (items, position) => {
      for (const item of items) intendOne(item, position)
    }),

    doubt: store.write('doubt', (ids) => {
      for (const id of ids) doubtOne(id)
    }),

    land: store.note('land', (claims) => {
      for (const claim of claims) landOne(claim)
    }),

    revert: store.write('revert', (ids) => {
      for (const id of ids) revertOne(id)
    }),

    quarantine: store.write('quarantine', (id, reason) => exceptOne('quarantine', 'quarantined', id, reason)),

    skip: store.write('skip', (id, reason) => exceptOne('skip', 'skipped', id, reason)),

    expunge: store.write('expunge', (ids) => {
      for (const id of ids) expungeOne(id)
    }),

    requeue: store.write('requeue', (pairId, ids) => {
      if (ids === null) return requeueAll.run(pairId).changes
      return ids.reduce((count, id) => count + requeueOne.run(id, pairId).changes, 0)
    }),
  }
}

/** True for a row that an earlier call can have reverted: begun at least once and not in flight. */
function isReverted(row: PlacedRow): boolean {
  return row.attempts > 0 && (row.state === 'discovered' || (row.state === 'expunged' && isStranded(row)))
}
