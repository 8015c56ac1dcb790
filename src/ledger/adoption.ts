import { SealpostError } from '../core/errors.ts'
import type { Adoption, Ledger, SurveyedCandidate } from '../core/ledger.ts'
import { claimWriter } from './claims.ts'
import { decodeFlags, encodeFlags, rowReader, sameBytes, wrongState } from './rows.ts'
import type { Store } from './store.ts'

type Methods = Pick<
  Ledger,
  | 'addCandidates'
  | 'endSurvey'
  | 'clearCandidates'
  | 'unreadCandidates'
  | 'candidates'
  | 'setCandidateDigest'
  | 'wasThere'
  | 'adopt'
>

interface CandidateRow {
  readonly id: number
  readonly key: string
  readonly bytes: number | null
  readonly internal_date: number
  readonly flags: string
  readonly message_id: string | null
  readonly match_digest: Uint8Array | null
}

/**
 * Unclaimed candidates of a destination. A candidate is good under the validity that it was seen under; where none
 * was known yet, under any.
 */
const SELECT_UNCLAIMED = `
  SELECT candidate.* FROM candidate JOIN destination ON destination.id = candidate.destination_id
  WHERE candidate.destination_id = ?
    AND (candidate.validity IS NULL OR candidate.validity = destination.validity)
    AND NOT EXISTS (SELECT 1 FROM message
      WHERE message.destination_id = candidate.destination_id
        AND message.destination_validity = destination.validity AND message.destination_key = candidate.key)`

/** Mail that was at a destination before the first append, and the claims on it. */
export function adoptionMethods(store: Store): Methods {
  const readRow = rowReader(store)
  const writeClaim = claimWriter(store)
  const add = store.prepare(
    `INSERT INTO candidate (destination_id, key, validity, bytes, internal_date, flags, message_id)
     SELECT id, ?, validity, ?, ?, ?, ? FROM destination WHERE id = ?
     ON CONFLICT (destination_id, key) DO UPDATE SET
       match_digest = iif(validity IS excluded.validity, match_digest, NULL), validity = excluded.validity,
       bytes = excluded.bytes, internal_date = excluded.internal_date, flags = excluded.flags,
       message_id = excluded.message_id`,
  )
  const setSurveyed = store.prepare('UPDATE destination SET surveyed = ? WHERE id = ?')
  const clear = store.prepare('DELETE FROM candidate WHERE destination_id = ?')
  const selectNamed = store.prepare<CandidateRow>(
    `${SELECT_UNCLAIMED} AND candidate.match_digest IS NULL
       AND candidate.message_id IN (SELECT value FROM json_each(?)) ORDER BY candidate.id`,
  )
  // A mailbox may hold any number of these, so that those which have been read must not be looked at again.
  const selectNameless = store.prepare<CandidateRow>(
    `${SELECT_UNCLAIMED} AND candidate.match_digest IS NULL AND candidate.message_id IS NULL ORDER BY candidate.id`,
  )
  const selectEqual = store.prepare<CandidateRow>(
    `${SELECT_UNCLAIMED} AND candidate.match_digest = ? ORDER BY candidate.id`,
  )
  const wasHere = store.prepare<number>('SELECT 1 FROM candidate WHERE destination_id = ? AND key = ?').pluck()
  const wasInAccount = store
    .prepare<number>(
      `SELECT 1 FROM candidate WHERE key = ? AND destination_id IN (SELECT id FROM destination
         WHERE account = (SELECT account FROM destination WHERE id = ?)) LIMIT 1`,
    )
    .pluck()
  const setDigest = store.prepare('UPDATE candidate SET match_digest = ? WHERE destination_id = ? AND key = ?')
  const adopt = store.prepare(
    `UPDATE message SET bytes = ?, digest = ?, match_digest = ?, match_bytes = ?, nul = ?, fingerprint = ?,
       message_id = ?, applied_flags = ?
     WHERE id = ? AND destination_id = ? AND state = 'discovered' AND waiting = 0`,
  )

  const known = (what: string, changes: number, destinationId: number): void => {
    if (changes !== 1) throw new SealpostError('bug', `ledger: ${what}: there is no destination ${destinationId}`)
  }

  const adoptOne = (destinationId: number, validity: string, adoption: Adoption): void => {
    const { id, key, messageId, appliedFlags } = adoption
    const { digest, matchDigest, bytes, matchBytes, nul, fingerprint } = adoption.digests
    const row = readRow('adopt', id)
    const flags = encodeFlags(appliedFlags)
    const { changes } = adopt.run(
      bytes,
      digest,
      matchDigest,
      matchBytes,
      nul ? 1 : 0,
      fingerprint,
      messageId,
      flags,
      id,
      destinationId,
    )
    if (changes === 1) {
      writeClaim('adopt', row, 'existing', { key, validity })
      return
    }
    const same =
      row.state === 'existing' &&
      row.destination_id === destinationId &&
      row.destination_validity === validity &&
      row.destination_key === key &&
      sameBytes(row.digest, digest)
    if (!same) throw wrongState('adopt', row)
  }

  return {
    addCandidates: store.note('addCandidates', (destinationId, candidates) => {
      for (const { key, bytes, internalDate, flags, messageId } of candidates) {
        const { changes } = add.run(key, bytes, internalDate, encodeFlags(flags), messageId, destinationId)
        known('addCandidates', changes, destinationId)
      }
    }),

    endSurvey: store.write('endSurvey', (destinationId) => {
      known('endSurvey', setSurveyed.run(1, destinationId).changes, destinationId)
    }),

    clearCandidates: store.write('clearCandidates', (destinationId) => {
      known('clearCandidates', setSurveyed.run(0, destinationId).changes, destinationId)
      clear.run(destinationId)
    }),

    candidates: store.read('candidates', (destinationId, matchDigests) =>
      matchDigests.flatMap((digest) => selectEqual.all(destinationId, digest).map(toCandidate)),
    ),

    unreadCandidates: store.read('unreadCandidates', (destinationId, messageIds) => {
      const named = messageIds.filter((id) => id !== null)
      const rows = named.length === 0 ? [] : selectNamed.all(destinationId, JSON.stringify(named))
      if (named.length < messageIds.length) rows.push(...selectNameless.all(destinationId))
      return rows.sort((a, b) => a.id - b.id).map(toCandidate)
    }),

    setCandidateDigest: store.note('setCandidateDigest', (destinationId, key, matchDigest) => {
      if (setDigest.run(matchDigest, destinationId, key).changes === 1) return
      throw new SealpostError(
        'bug',
        `ledger: setCandidateDigest: no such candidate of destination ${destinationId}`,
      )
    }),

    wasThere: store.read('wasThere', (destinationId, key, inAccount) =>
      inAccount
        ? wasInAccount.get(key, destinationId) !== undefined
        : wasHere.get(destinationId, key) !== undefined,
    ),

    adopt: store.write('adopt', (destinationId, validity, adoptions) => {
      for (const adoption of adoptions) adoptOne(destinationId, validity, adoption)
    }),
  }
}

function toCandidate(row: CandidateRow): SurveyedCandidate {
  return {
    key: row.key,
    bytes: row.bytes,
    internalDate: row.internal_date,
    flags: decodeFlags(row.flags),
    messageId: row.message_id,
    matchDigest: row.match_digest,
  }
}
