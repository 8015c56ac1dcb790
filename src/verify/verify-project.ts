import { setMaxListeners } from 'node:events'
import { ByteBudget } from '../core/byte-budget.ts'
import type { Clock } from '../core/clock.ts'
import type { Connector } from '../core/connector.ts'
import type { EventSink } from '../core/events.ts'
import type { Finding, Ledger, Pair } from '../core/ledger.ts'
import { throwIfAborted, toSealpostError, type SealpostError } from '../core/errors.ts'
import { LoginGate } from '../core/login-gate.ts'
import type { WorkHours } from '../core/work-hours.ts'
import type { VerifyLevel } from './mailbox-check.ts'
import { verifyPair } from './verify-pair.ts'

/** What verification works with. The destination's connector is opened as a source: it is read and never written. */
export interface VerifyContext {
  readonly destination: Connector
  readonly ledger: Ledger
  readonly clock: Clock
  readonly events: EventSink
  /** Accounts at once. */
  readonly accounts: number
  /** Sessions at once for one account; never more than its capability. */
  readonly lanes: number
  /** Of message bodies, over all lanes of all accounts. */
  readonly memoryBytes: number
  /** Nothing is begun outside of them; null: at any time. */
  readonly hours: WorkHours | null
}

/** The same, with what all lanes share. */
export interface VerifyWork extends VerifyContext {
  readonly budget: ByteBudget
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
 * nothing at the destination. Findings replace those of the verification before, as far as this level looks at the same.
 */
export async function verifyProject(
  context: VerifyContext,
  pairs: readonly Pair[],
  level: VerifyLevel,
  signal: AbortSignal,
): Promise<VerifyOutcome> {
  // Every lane of every account waits for it; Node would warn of a leak on the terminal.
  setMaxListeners(0, signal)
  const gate = new LoginGate(context.clock)
  const work: VerifyWork = { ...context, budget: new ByteBudget(context.memoryBytes) }
  const queue = pairs.entries()
  const outcomes: PairVerified[] = []
  const workOff = async (): Promise<void> => {
    for (const [index, pair] of queue) outcomes[index] = await verifyOne(pair)
  }
  await Promise.all(Array.from({ length: Math.max(1, context.accounts) }, workOff))
  throwIfAborted(signal)
  return {
    level,
    checked: outcomes.reduce((sum, { checked }) => sum + checked, 0),
    findings: pairs.flatMap((pair) => context.ledger.findings(pair.id)),
    failures: outcomes.flatMap(({ pair, error }) => (error === null ? [] : [{ pair, error }])),
  }

  async function verifyOne(pair: Pair): Promise<PairVerified> {
    if (signal.aborted) return { pair, checked: 0, error: null }
    try {
      return { pair, checked: await verifyPair(work, gate, pair, level, signal), error: null }
    } catch (error) {
      return { pair, checked: 0, error: toSealpostError(error, `verifying ${pair.destination}`) }
    }
  }
}

/** What came of one pair. */
interface PairVerified {
  readonly pair: Pair
  readonly checked: number
  /** Null when the pair was looked at whole. */
  readonly error: SealpostError | null
}
