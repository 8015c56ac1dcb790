import type { Candidate, Fetched, Mailbox } from './mail.ts'
import type { Capabilities, Session } from './connector.ts'
import { digestStream, digestWhole, hasBytesOf, type Digests } from './digest.ts'
import { isKind, SealpostError } from './errors.ts'
import type { MessageRecord } from './ledger.ts'
import { changedParts, contentKey, hasMessageId } from './fingerprint.ts'

/** Candidates whose bodies are read in one go are at most so many, and so many bytes as announced. */
const READ_MESSAGES = 200
const READ_BYTES = 4 * 1024 * 1024

/** The form in which digests are compared and used as keys of maps. */
export function hex(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString('hex')
}

/** True for an end at which bytes do not decide alone: what a message says has to be known. */
export function needsContent({ keepsBytes, merges }: Pick<Capabilities, 'keepsBytes' | 'merges'>): boolean {
  return !keepsBytes || merges === 'message-id'
}

/**
 * What a body comes to that was read back from an end, and is then given back. `expected` is what it should be: the same bytes
 * are not looked at twice.
 */
export async function digestFetched(
  fetched: Extract<Fetched, { readonly body: unknown }>,
  capabilities: Pick<Capabilities, 'keepsBytes' | 'merges'>,
  expected: Digests | null = null,
): Promise<Digests> {
  const options = { content: needsContent(capabilities) }
  if (fetched.kind === 'large') return digestStream(fetched.body.open(), options)
  const { body, release } = fetched
  const digests = expected !== null && hasBytesOf(body, expected) ? expected : digestWhole(body, options)
  release?.()
  return digests
}

/**
 * Reads what lies under `candidates` and calls back with each one's digests; those that are gone or cannot be read are passed over.
 * Bodies are read many a round trip and not kept.
 */
export async function readDigests<C extends Pick<Candidate, 'key' | 'bytes'>>(
  session: Session,
  mailbox: Mailbox,
  candidates: readonly C[],
  onDigests: (candidate: C, digests: Digests) => void,
  signal: AbortSignal,
): Promise<void> {
  for (const slice of slices(candidates)) {
    const byKey = new Map(slice.map((candidate) => [candidate.key, candidate]))
    const read = async (keys: readonly string[]): Promise<void> => {
      for await (const fetched of session.fetch(mailbox, keys, signal)) {
        const candidate = byKey.get(fetched.key)
        if (candidate === undefined) continue
        byKey.delete(fetched.key)
        if (fetched.kind === 'gone' || fetched.kind === 'unreadable') continue
        onDigests(candidate, await digestFetched(fetched, session.capabilities))
      }
    }
    const passOver = (error: unknown): void => {
      if (!isKind(error, 'rejected') || !session.alive) throw error
    }
    try {
      await read([...byKey.keys()])
    } catch (error) {
      passOver(error)
      // One that is refused keeps no other from being read.
      for (const key of byKey.keys()) {
        await read([key]).catch((refusal: unknown) => {
          passOver(refusal)
          byKey.delete(key)
        })
      }
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

/**
 * What was found at a destination, by content. Where it keeps bytes, equal bytes are one message; where it renders mail
 * anew, an equal fingerprint is (but for a row that was read before there were any).
 */
export class CopyGroups<C extends Candidate> {
  readonly #keepsBytes: boolean
  readonly #groups = new Map<string, Found<C>[]>()

  constructor(
    { keepsBytes }: Pick<Capabilities, 'keepsBytes'>,
    found: readonly { readonly item: C; readonly digests: Digests }[],
  ) {
    this.#keepsBytes = keepsBytes
    for (const { item, digests } of found) {
      const entry = { item, digests, isTaken: false }
      for (const key of new Set([copyKey(digests, true), copyKey(digests, keepsBytes)])) {
        const group = this.#groups.get(key)
        if (group === undefined) this.#groups.set(key, [entry])
        else group.push(entry)
      }
    }
  }

  /** The copies that a row's message may have here, but for those that were taken, in the order in which they were found. */
  of(digests: Digests | null): readonly C[] {
    return this.#entriesOf(digests).map(({ item }) => item)
  }

  /** The copy to claim for a row, which is then no other's; null when there is none. */
  take(row: Pick<MessageRecord, 'digests' | 'internalDate' | 'flags'>): C | null {
    const entries = this.#entriesOf(row.digests)
    const best = takeBest(
      entries.map(({ item }) => item),
      row,
    )
    for (const entry of entries) if (entry.item === best) entry.isTaken = true
    return best
  }

  #entriesOf(digests: Digests | null): readonly Found<C>[] {
    if (digests === null) return []
    const group = this.#groups.get(copyKey(digests, this.#keepsBytes)) ?? []
    return group.filter(
      (entry) => !entry.isTaken && isCopy(digests, entry.digests, { keepsBytes: this.#keepsBytes }),
    )
  }
}

interface Found<C> {
  readonly item: C
  readonly digests: Digests
  isTaken: boolean
}

/** True when `copy`, read at an end with these capabilities, is the message that `original` was fetched from. */
export function isCopy(
  original: Digests,
  copy: Digests,
  { keepsBytes }: Pick<Capabilities, 'keepsBytes'>,
): boolean {
  if (hex(original.matchDigest) === hex(copy.matchDigest)) return true
  return !keepsBytes && saysTheSame(original, copy)
}

/** True when both have a fingerprint, and nothing that the original says is otherwise in the copy. */
export function saysTheSame(original: Digests, copy: Digests): boolean {
  if (original.fingerprint === null || copy.fingerprint === null) return false
  return changedParts(original.fingerprint, copy.fingerprint).length === 0
}

/** What is written down of a message that was there before us, to be found again by equality. */
export function evidenceOf(
  { matchDigest, fingerprint }: Digests,
  { keepsBytes }: Pick<Capabilities, 'keepsBytes'>,
): Uint8Array {
  // An end that merges would do so by the Message-ID; without one each copy is a message of its own.
  if (fingerprint === null || (keepsBytes && !hasMessageId(fingerprint))) return matchDigest
  return fingerprint
}

/** The key under which copies of a message meet; equal keys are to be looked at closer with `isCopy`. */
export function copyKey({ matchDigest, fingerprint }: Digests, keepsBytes: boolean): string {
  return keepsBytes || fingerprint === null ? hex(matchDigest) : contentKey(fingerprint)
}

function* slices<C extends Pick<Candidate, 'bytes'>>(candidates: readonly C[]): Generator<readonly C[]> {
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
