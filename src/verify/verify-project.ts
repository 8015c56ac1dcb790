import type { Clock } from '../core/clock.ts'
import type { Connector, SourceSession } from '../core/connector.ts'
import type { EventSink } from '../core/events.ts'
import type { Finding, Ledger, MailboxRecord, Pair } from '../core/ledger.ts'
import { toSealpostError, type SealpostError } from '../core/errors.ts'
import { LoginGate } from '../core/login-gate.ts'
import { retry } from '../core/retry.ts'
import { whenOpen, type WorkHours } from '../core/work-hours.ts'
import { verifyMailbox, type VerifyLevel } from './verify-mailbox.ts'

/** What verification works with. The destination's connector is opened as a source: it is read and never written. */
export interface VerifyContext {
  readonly destination: Connector
  readonly ledger: Ledger
  readonly clock: Clock
  readonly events: EventSink
  /** Sessions at once for one account; never more than its capability. */
  readonly lanes: number
  /** Nothing is begun outside of them; null: at any time. */
  readonly hours: WorkHours | null
}

/** What verification came to. */
export interface VerifyOutcome {
  readonly level: VerifyLevel
  /** Messages looked at. */
  readonly checked: number
  /** What stands now: of this verification and of the last run. */
  readonly findings: readonly Finding[]
  /** Pairs that could not be verified, with the reason. */
  readonly failures: readonly { readonly pair: Pair; readonly error: SealpostError }[]
}

/**
 * Looks at the destination over fresh sessions and compares it with the ledger. `counts`: as many messages as were
 * delivered. `headers`: each one is there, with its date and flags. `full`: and its bytes, read again whole. Changes
 * nothing at the destination. Findings replace those of the verification before.
 */
export async function verifyProject(
  context: VerifyContext,
  pairs: readonly Pair[],
  level: VerifyLevel,
  signal: AbortSignal,
): Promise<VerifyOutcome> {
  const gate = new LoginGate()
  const failures: { pair: Pair; error: SealpostError }[] = []
  let checked = 0
  for (const pair of pairs) {
    try {
      checked += await verifyPair(pair)
    } catch (error) {
      if (signal.aborted) throw error
      failures.push({ pair, error: toSealpostError(error, `verifying ${pair.destination}`) })
    }
  }
  const findings = pairs.flatMap((pair) => context.ledger.findings(pair.id))
  return { level, checked, findings, failures }

  async function verifyPair(pair: Pair): Promise<number> {
    const queue: MailboxRecord[] = [...context.ledger.mailboxes(pair.id)]
    const first = await open(pair)
    const lanes = Math.max(1, Math.min(context.lanes, first.capabilities.sessions, queue.length))
    const counts = await Promise.all(Array.from({ length: lanes }, (_, index) => runLane(index)))
    return counts.reduce((sum, count) => sum + count, 0)

    async function runLane(index: number): Promise<number> {
      let session = index === 0 ? first : await open(pair)
      let count = 0
      try {
        for (let record = queue.shift(); record !== undefined; record = queue.shift()) {
          const mailbox = record
          await whenOpen(
            context.hours,
            context.clock,
            (milliseconds) => onWait(pair)('hours', milliseconds),
            signal,
          )
          count += await again(pair, async () => {
            if (!session.alive) {
              await session.close()
              session = await open(pair)
            }
            return verifyMailbox(context, session, mailbox, level, signal)
          })
        }
      } finally {
        await session.close()
      }
      return count
    }
  }

  function open(pair: Pair): Promise<SourceSession> {
    const account = pair.destination
    const credential = context.destination.credentialOf?.(account) ?? account
    return again(pair, () => gate.enter(credential, () => context.destination.openSource(account, signal)))
  }

  function again<T>(pair: Pair, operation: () => Promise<T>): Promise<T> {
    return retry(context.clock, onWait(pair), operation, signal)
  }

  function onWait(pair: Pair): (reason: string, milliseconds: number) => void {
    return (reason, milliseconds) => context.events({ event: 'waiting', pair: pair.id, reason, milliseconds })
  }
}
