import type { FlagChange, FlagRefusal, Mailbox } from '../core/mail.ts'
import type { DestinationSession } from '../core/connector.ts'
import type { MessageRecord } from '../core/ledger.ts'
import type { EngineContext } from './settings.ts'
import type { MailboxWork } from './mailbox-work.ts'

const PAGE = 500

/** A flag that the destination would not store on a message. */
export interface LostFlag extends FlagRefusal {
  readonly row: MessageRecord
}

/**
 * Brings to the destination what has changed in the source's flags since they were merged last: added ones are
 * added, removed ones removed, and nothing else is touched, so that what the user did there stays. This is also how
 * `\Deleted` gets there, last, and flags that an append could not set. Returns what was refused. Twice is safe.
 */
export async function mergeFlags(
  context: EngineContext,
  session: DestinationSession,
  work: MailboxWork,
  destination: Mailbox,
  signal: AbortSignal,
): Promise<readonly LostFlag[]> {
  const { ledger } = context
  const { validity } = ledger.mailbox(work.record.id).destination
  const lost: LostFlag[] = []
  let afterId = 0
  for (;;) {
    const rows: readonly MessageRecord[] = ledger.flagWork(work.record.id, afterId, PAGE)
    const last = rows[rows.length - 1]
    if (last === undefined) return lost
    afterId = last.id
    const byKey = new Map<string, MessageRecord>()
    for (const row of rows) {
      if (row.destinationKey !== null && row.destinationValidity === validity) byKey.set(row.destinationKey, row)
    }
    const changes = [...byKey].map(([key, row]): FlagChange => changeFor(key, row))
    const refusals = await session.setFlags(destination, changes, signal)
    for (const refusal of refusals) {
      const row = byKey.get(refusal.key)
      if (row !== undefined) lost.push({ ...refusal, row })
    }
    const applied = [...byKey.values()].map((row) => ({ id: row.id, flags: row.flags }))
    if (session.capabilities.holds === true) ledger.holdFlags(applied)
    else ledger.setAppliedFlags(applied)
  }
}

function changeFor(key: string, row: MessageRecord): FlagChange {
  return {
    key,
    add: row.flags.filter((flag) => !row.appliedFlags.includes(flag)),
    remove: row.appliedFlags.filter((flag) => !row.flags.includes(flag)),
  }
}
