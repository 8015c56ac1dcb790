import type { Mailbox } from '../core/mail.ts'
import type { DestinationSession } from '../core/connector.ts'
import type { Digests } from '../core/digest.ts'
import type { Adoption, SurveyedCandidate } from '../core/ledger.ts'
import { throwIfAborted } from '../core/errors.ts'
import type { EngineContext } from './settings.ts'
import type { Prepared } from './fetch-batch.ts'
import { evidenceOf, hex, readDigests, takeBest } from '../core/match-digests.ts'

const SURVEY_SLICE = 1_000
/** Stands for the digest of a candidate that has gone since the survey: equal to none. */
const GONE = new Uint8Array()

/**
 * Writes down what the destination mailbox holds before our first append, once. Returns true when there is anything
 * that a message of ours may be. Interrupted, it begins anew.
 */
export async function survey(
  context: EngineContext,
  session: DestinationSession,
  mailbox: Mailbox,
  destinationId: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { ledger } = context
  ledger.clearCandidates(destinationId)
  let slice = []
  let found = 0
  for await (const candidate of session.find(mailbox, null, signal)) {
    throwIfAborted(signal)
    found++
    slice.push(candidate)
    if (slice.length < SURVEY_SLICE) continue
    ledger.addCandidates(destinationId, slice)
    slice = []
  }
  ledger.addCandidates(destinationId, slice)
  ledger.endSurvey(destinationId)
  return found > 0
}

/**
 * Of the prepared messages, adopts those that the survey wrote down: found by Message-ID (or the lack of one), decided
 * by content alone. Returns the others.
 */
export async function adoptKnown(
  context: EngineContext,
  session: DestinationSession,
  mailbox: Mailbox,
  destination: { readonly id: number; readonly validity: string },
  prepared: readonly Prepared[],
  signal: AbortSignal,
): Promise<readonly Prepared[]> {
  const { ledger } = context
  const messageIds = [...new Set(prepared.map((message) => message.messageId))]
  const unread = new Map(
    ledger.unreadCandidates(destination.id, messageIds).map((candidate) => [candidate.key, candidate]),
  )
  const keep = ({ key }: SurveyedCandidate, digests: Digests): void => {
    unread.delete(key)
    ledger.setCandidateDigest(destination.id, key, evidenceOf(digests, session.capabilities))
  }
  await readDigests(session, mailbox, [...unread.values()], keep, signal)
  for (const key of unread.keys()) ledger.setCandidateDigest(destination.id, key, GONE)
  // From here to `adopt` nothing is awaited, so that no other lane takes the same candidate.
  const wanted = new Map(
    prepared.map((message) => {
      const evidence = evidenceOf(message.digests, session.capabilities)
      return [hex(evidence), evidence]
    }),
  )
  const groups = groupByEvidence(ledger.candidates(destination.id, [...wanted.values()]))
  const adoptions: Adoption[] = []
  const others: Prepared[] = []
  for (const message of prepared) {
    const found = takeBest(groups.get(hex(evidenceOf(message.digests, session.capabilities))) ?? [], message.row)
    if (found === null) {
      others.push(message)
      continue
    }
    const appliedFlags = message.row.flags.filter((flag) => found.flags.includes(flag))
    const { digests, messageId, row } = message
    adoptions.push({ id: row.id, key: found.key, digests, messageId, appliedFlags })
  }
  if (adoptions.length > 0) ledger.adopt(destination.id, destination.validity, adoptions)
  return others
}

/** Keeps the order within a group. */
function groupByEvidence(candidates: readonly SurveyedCandidate[]): Map<string, SurveyedCandidate[]> {
  const groups = new Map<string, SurveyedCandidate[]>()
  for (const candidate of candidates) {
    if (candidate.matchDigest === null) continue
    const key = hex(candidate.matchDigest)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [candidate])
    else group.push(candidate)
  }
  return groups
}
