import { isKind, toSealpostError, type SealpostError } from '../core/errors.ts'
import { LoginGate } from '../core/login-gate.ts'
import type { Capabilities, DestinationSession, SourceSession } from '../core/connector.ts'
import type { Listed, Mailbox, Quota, SpecialUse } from '../core/mail.ts'
import type { Pair } from '../core/ledger.ts'
import type { EngineContext } from './settings.ts'
import type { MappingNote } from './mapping.ts'
import { passes } from './list-mailbox.ts'
import { MailTally, type Amount, type LargeMessage, type YearCount } from './mail-tally.ts'
import { mapPair } from './run-pair.ts'
import { bySight, labelMapping, ownersOfShown, type LabelMapping } from './sights.ts'
import { LaneSessions } from './sessions.ts'

/** What will become of one source mailbox. */
export interface PlannedMailbox {
  readonly sourcePath: readonly string[]
  readonly destinationPath: readonly string[]
  readonly exists: boolean
  readonly note: MappingNote | null
  readonly specialUse: SpecialUse | null
  readonly messages: number
  readonly bytes: number
  /** What is above what the destination takes, and will be skipped. */
  readonly tooLarge: Amount
  /** The first hundred of these messages. */
  readonly oversized: readonly { readonly key: string; readonly bytes: number }[]
  /** Messages that the project's filters leave out. */
  readonly filtered: number
  /** Why the source does not let it be listed, or null. */
  readonly unlisted: SealpostError | null
}

/** What will become of one account. */
export interface PlannedPair {
  readonly pair: Pair
  readonly mailboxes: readonly PlannedMailbox[]
  readonly excluded: readonly (readonly string[])[]
  readonly messages: number
  readonly bytes: number
  readonly maxMessageBytes: number | null
  /** Messages with a longer line will be refused; null where the destination does not say. */
  readonly maxLineBytes: number | null
  readonly quota: Quota | null
  /** Bytes that will not fit; 0 where they will, null where the destination does not say. */
  readonly shortfallBytes: number | null
  /** What earlier runs have moved already. */
  readonly moved: Amount
  readonly growth: readonly YearCount[]
  readonly largest: readonly LargeMessage[]
  /** The source shows one message in several mailboxes, but not the one that has them all: what is under no label is not seen. */
  readonly isAllMailHidden: boolean
  /** What was received in the last 365 days. */
  readonly recent: Amount
  /** What both ends say of themselves; null where the account could not be looked at. */
  readonly ends: { readonly source: Capabilities; readonly destination: Capabilities } | null
  /** Why the account could not be looked at, or null. */
  readonly error: SealpostError | null
}

/** Oversized messages named for one mailbox; all of them are counted. */
const MAX_NAMED = 100
const NOTHING: Amount = { messages: 0, bytes: 0 }
const UNLISTED = { ...NOTHING, tooLarge: NOTHING, oversized: [], filtered: 0 }

/**
 * Looks at both ends and says what a run would do, account by account. Reads only: no command that changes anything
 * is sent, and nothing enters the ledger. An account that cannot be looked at does not hide the others.
 */
export async function planProject(
  context: EngineContext,
  pairs: readonly Pair[],
  onPlanned: (planned: PlannedPair) => void,
  signal: AbortSignal,
): Promise<readonly PlannedPair[]> {
  const gate = new LoginGate(context.clock)
  const plans: PlannedPair[] = []
  for (const pair of pairs) {
    const planned = await planOne(context, gate, pair, signal)
    plans.push(planned)
    onPlanned(planned)
  }
  return plans
}

async function planOne(
  context: EngineContext,
  gate: LoginGate,
  pair: Pair,
  signal: AbortSignal,
): Promise<PlannedPair> {
  const sessions = new LaneSessions(context, gate, pair)
  try {
    const source = await sessions.source(signal)
    const destination = await sessions.destination(signal)
    return await assess(context, pair, source, destination, signal)
  } catch (error) {
    if (isKind(error, 'cancelled') || signal.aborted) throw error
    return {
      pair,
      mailboxes: [],
      excluded: [],
      messages: 0,
      bytes: 0,
      maxMessageBytes: null,
      maxLineBytes: null,
      quota: null,
      shortfallBytes: null,
      moved: NOTHING,
      growth: [],
      largest: [],
      recent: NOTHING,
      isAllMailHidden: false,
      ends: null,
      error: toSealpostError(error, `planning ${pair.source}`),
    }
  } finally {
    await sessions.close()
  }
}

async function assess(
  context: EngineContext,
  pair: Pair,
  source: SourceSession,
  destination: DestinationSession,
  signal: AbortSignal,
): Promise<PlannedPair> {
  const { mapping, mailboxes: sources } = await mapPair(context, pair, source, destination, signal)
  const { maxMessageBytes } = destination.capabilities
  const mailboxes: PlannedMailbox[] = []
  const tally = new MailTally(context.clock.now())
  const mode = source.capabilities.labels ? labelMapping(context.mapping.labels, destination.capabilities) : null
  const isOwn = mode === null ? null : ownership(mode)
  const order = mode === null ? null : bySight(mode)
  const entries = order === null ? mapping.mapped : mapping.mapped.toSorted((a, b) => order(a.source, b.source))
  for (const entry of entries) {
    const counts = await count(context, source, entry.source, isOwn, maxMessageBytes, tally, signal).catch(
      (error: unknown) => {
        // Of labels all have to be listed, to know what lies where.
        if (mode === null && isKind(error, 'rejected', 'not-found')) return { ...UNLISTED, unlisted: error }
        throw error
      },
    )
    mailboxes.push({
      sourcePath: entry.source.path,
      destinationPath: entry.destinationPath,
      exists: entry.exists,
      note: entry.note,
      specialUse: entry.source.specialUse,
      unlisted: null,
      ...counts,
    })
  }
  const bytes = mailboxes.reduce((sum, mailbox) => sum + mailbox.bytes, 0)
  const quota = await destination.quota(signal)
  const totals = context.ledger.totals({ pairId: pair.id })
  const free = quota?.limitBytes == null ? null : quota.limitBytes - quota.usedBytes
  return {
    pair,
    mailboxes,
    excluded: mapping.excluded,
    messages: mailboxes.reduce((sum, mailbox) => sum + mailbox.messages, 0),
    bytes,
    maxMessageBytes,
    maxLineBytes: destination.capabilities.maxLineBytes ?? null,
    quota,
    shortfallBytes: free === null ? null : Math.max(0, bytes - totals.landedBytes - free),
    moved: { messages: totals.landed, bytes: totals.landedBytes },
    growth: tally.growth,
    largest: tally.largest,
    recent: tally.recent,
    isAllMailHidden: source.capabilities.labels && !sources.some(({ specialUse }) => specialUse === 'all'),
    ends: { source: source.capabilities, destination: destination.capabilities },
    error: null,
  }
}

/** Tells which messages a mailbox moves itself, when all are looked at once in the order of `bySight`. */
function ownership(mode: LabelMapping): (mailbox: Mailbox, listed: readonly Listed[]) => ReadonlySet<Listed> {
  const owners = new Map<string, number>()
  const ids = new Map<Mailbox, number>()
  return (mailbox, listed) => {
    const id = ids.get(mailbox) ?? ids.size
    ids.set(mailbox, id)
    const known = ownersOfShown(mode, mailbox, listed, () => owners)
    const own = listed.filter(({ identity }) => identity === undefined || (known.get(identity) ?? id) === id)
    for (const { identity } of own) if (identity !== undefined && !owners.has(identity)) owners.set(identity, id)
    return new Set(own)
  }
}

async function count(
  context: EngineContext,
  source: SourceSession,
  mailbox: Mailbox,
  isOwn: ReturnType<typeof ownership> | null,
  maxMessageBytes: number | null,
  tally: MailTally,
  signal: AbortSignal,
): Promise<Pick<PlannedMailbox, 'messages' | 'bytes' | 'tooLarge' | 'oversized' | 'filtered'>> {
  let messages = 0
  let bytes = 0
  let filtered = 0
  const tooLarge = { messages: 0, bytes: 0 }
  const oversized: { key: string; bytes: number }[] = []
  for await (const page of source.listMessages(mailbox, null, signal)) {
    if (page.kind !== 'messages') continue
    const own = isOwn?.(mailbox, page.messages)
    for (const listed of page.messages) {
      if (own?.has(listed) === false) continue
      if (!passes(listed, context.filters)) {
        filtered++
        continue
      }
      messages++
      bytes += listed.bytes
      tally.add(listed, mailbox.path)
      if (maxMessageBytes === null || listed.bytes <= maxMessageBytes) continue
      tooLarge.messages++
      tooLarge.bytes += listed.bytes
      if (oversized.length < MAX_NAMED) oversized.push({ key: listed.key, bytes: listed.bytes })
    }
  }
  return { messages, bytes, tooLarge, oversized, filtered }
}
