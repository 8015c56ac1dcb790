import type { Candidate, Mailbox } from './mail.ts'
import type { Session } from './connector.ts'
import { digestStream, digestWhole } from './digest.ts'
import { SealpostError } from './errors.ts'

/** Candidates whose bodies are read in one go are at most so many, and so many bytes as announced. */
const READ_MESSAGES = 200
const READ_BYTES = 4 * 1024 * 1024

/** The form in which digests are compared and used as keys of maps. */
export function hex(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString('hex')
}

/**
 * Reads what lies under `candidates` and calls back with each one's matchDigest; those that are gone are passed over.
 * Bodies are read many a round trip and not kept.
 */
export async function readDigests<C extends Candidate>(
  session: Session,
  mailbox: Mailbox,
  candidates: readonly C[],
  onDigest: (candidate: C, matchDigest: Uint8Array) => void,
  signal: AbortSignal,
): Promise<void> {
  for (const slice of slices(candidates)) {
    const byKey = new Map(slice.map((candidate) => [candidate.key, candidate]))
    for await (const fetched of session.fetch(mailbox, [...byKey.keys()], signal)) {
      const candidate = byKey.get(fetched.key)
      if (candidate === undefined) continue
      byKey.delete(fetched.key)
      if (fetched.kind === 'gone') continue
      const digests =
        fetched.kind === 'whole' ? digestWhole(fetched.body) : await digestStream(fetched.body.open())
      onDigest(candidate, digests.matchDigest)
    }
    if (byKey.size > 0)
      throw new SealpostError('transient', `the destination gave no answer for ${byKey.size} messages`)
  }
}

/**
 * Of the candidates that have the row's bytes, the one to claim: equal INTERNALDATE and flags first, then equal
 * INTERNALDATE, then the first. Takes it out of the list.
 */
export function takeBest<C extends Candidate>(
  candidates: C[],
  row: { readonly internalDate: number; readonly flags: readonly string[] },
): C | null {
  const flags = row.flags.join(' ')
  const sameDate = (candidate: C): boolean =>
    Math.floor(candidate.internalDate / 1000) === Math.floor(row.internalDate / 1000)
  let index = candidates.findIndex((candidate) => sameDate(candidate) && candidate.flags.join(' ') === flags)
  if (index === -1) index = candidates.findIndex(sameDate)
  if (index === -1) index = 0
  return candidates.splice(index, 1)[0] ?? null
}

/** Groups by matchDigest, keeping the order within a group. */
export function groupByDigest<C>(
  items: readonly { readonly item: C; readonly matchDigest: Uint8Array }[],
): Map<string, C[]> {
  const groups = new Map<string, C[]>()
  for (const { item, matchDigest } of items) {
    const key = hex(matchDigest)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

function* slices<C extends Candidate>(candidates: readonly C[]): Generator<readonly C[]> {
  let slice: C[] = []
  let bytes = 0
  for (const candidate of candidates) {
    const size = candidate.bytes ?? 0
    if (slice.length > 0 && (slice.length >= READ_MESSAGES || bytes + size > READ_BYTES)) {
      yield slice
      slice = []
      bytes = 0
    }
    slice.push(candidate)
    bytes += size
  }
  if (slice.length > 0) yield slice
}
