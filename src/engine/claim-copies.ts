import type { DestinationSession } from '../core/connector.ts'
import type { Digests } from '../core/digest.ts'
import type { Claim, MessageRecord, Reason } from '../core/ledger.ts'
import type { Mailbox } from '../core/mail.ts'
import { digestFetched, hex, saysTheSame } from '../core/match-digests.ts'
import type { Prepared } from './fetch-batch.ts'
import type { MailboxWork } from './mailbox-work.ts'
import type { EngineContext } from './settings.ts'

/** A message that the destination says it has stored. */
export interface Landed {
  readonly message: Prepared
  readonly key: string | null
  readonly validity: string | null
}

const MERGED: Reason = {
  code: 'merged',
  text: 'destination kept another message with the same Message-ID',
  serverText: null,
}

/**
 * Lands what the destination confirmed. A key that another row holds, or that was there before us, is a server that merges:
 * where both say the same the message has landed, counted as merged; else it is quarantined, since what the server kept
 * is another message (docs/design.md section 5).
 */
export async function claimCopies(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  destination: Mailbox,
  landed: readonly Landed[],
  signal: AbortSignal,
): Promise<void> {
  const { ledger } = context
  const { labels, merges } = session.capabilities
  const { id: destinationId } = work.record.destination
  const keys = new Set<string>()
  const plain = landed.filter(isPlain)
  ledger.land(plain.map(({ message, key, validity }) => ({ id: message.row.id, key, validity })))
  for (const one of landed) if (!plain.includes(one)) await claim(one)

  /** Nobody else has the key, as is to be where nothing merges: a server that does so without saying it is told all the same. */
  function isPlain({ message, key, validity }: Landed): boolean {
    if (merges !== 'none') return false
    if (key === null || validity === null) return true
    const holder = ledger.claimant(destinationId, validity, key)
    const isFree = !keys.has(key) && (holder === null || holder.id === message.row.id)
    keys.add(key)
    return isFree
  }

  async function claim({ message, key, validity }: Landed): Promise<void> {
    const { row, digests } = message
    if (key === null || validity === null) {
      ledger.land([{ id: row.id, key: null, validity }])
      return
    }
    const present = ledger.claimant(destinationId, validity, key)
    const holder = present ?? (labels ? ledger.copyHolder(destinationId, key) : null)
    const kept =
      holder === null || holder.id === row.id
        ? await keptBefore(key)
        : isOneSight(holder, row)
          ? null
          : holder.digests
    if (kept !== null && !isSame(digests, kept)) {
      ledger.quarantine(row.id, MERGED)
      return
    }
    const place: Claim = { id: row.id, key: present === null || present.id === row.id ? key : null, validity }
    ledger.land([kept === null ? place : { ...place, mergedKey: key }])
    if (holder !== null && kept !== null) await keepSeen(holder, row, key)
  }

  /** What lay there before the first run and has this key now. */
  async function keptBefore(key: string): Promise<Digests | null> {
    if (merges === 'none' || !ledger.wasThere(destinationId, key, labels)) return null
    for await (const fetched of session.fetch(destination, [key], signal)) {
      if ('body' in fetched) return digestFetched(fetched, session.capabilities)
    }
    return null
  }

  /** One of two was read, so that the one that is left counts as read: the other is not to call it back. */
  async function keepSeen(holder: MessageRecord, row: MessageRecord, key: string): Promise<void> {
    if (holder.flags.includes('\\Seen') === row.flags.includes('\\Seen')) return
    await session.setFlags(destination, [{ key, add: ['\\Seen'], remove: [] }], signal)
  }
}

/** The source shows one message in several mailboxes, and so does the destination: nothing was merged. */
function isOneSight(a: MessageRecord, b: MessageRecord): boolean {
  return a.identity !== null && a.identity === b.identity && a.mailboxId !== b.mailboxId
}

function isSame(a: Digests, b: Digests): boolean {
  return hex(a.matchDigest) === hex(b.matchDigest) || saysTheSame(a, b)
}
