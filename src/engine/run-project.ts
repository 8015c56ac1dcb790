import { setMaxListeners } from 'node:events'
import PQueue from 'p-queue'
import { isKind, toSealpostError, type SealpostError } from '../core/errors.ts'
import type { EventSink } from '../core/events.ts'
import type { Pair } from '../core/ledger.ts'
import type { Totals } from '../core/states.ts'
import { ByteBudget } from '../core/byte-budget.ts'
import { runPair } from './run-pair.ts'
import { LoginGate } from '../core/login-gate.ts'
import { scopeOf, type EngineContext } from './settings.ts'

/** Waits from so many milliseconds on are worth a commit. */
const VISIBLE_WAIT = 1_000

/** What a run is in the life of a project: everything, what is new since, and what came until the cutover. */
export type Pass = 'initial' | 'delta' | 'final'

/** What came of one pair. */
export interface PairOutcome {
  readonly pair: Pair
  /** Null when the pair was worked through. */
  readonly error: SealpostError | null
}

/** What came of a run. */
export interface RunOutcome {
  readonly pairs: readonly PairOutcome[]
  readonly cancelled: boolean
  /** The project's totals after the run. */
  readonly totals: Totals
  readonly seconds: number
}

/**
 * Moves the mail of all pairs, so many at once as the limits say. A pair that fails does not keep the others from
 * going on. `stop` ends the run in good order: what is under way is finished and written down. Running it again goes
 * on where it ended; when nothing is left to do it sends nothing that changes anything.
 */
export async function runProject(
  base: Omit<EngineContext, 'budget'> & { readonly pass?: Pass },
  pairs: readonly Pair[],
  stop: AbortSignal,
  hard: AbortSignal,
): Promise<RunOutcome> {
  const { clock, ledger } = base
  const events: EventSink = (event) => {
    // Written down, so that `status` in another process can say why nothing moves; a pause that nobody sees is not.
    if (event.event === 'waiting' && event.milliseconds >= VISIBLE_WAIT)
      ledger.noteWait(event.pair, event.reason, clock.now() + event.milliseconds)
    base.events(event)
  }
  const context: EngineContext = { ...base, events, budget: new ByteBudget(base.limits.memoryBytes) }
  // Every lane of every pair waits for these; Node would warn of a leak on the terminal.
  setMaxListeners(0, stop, hard)
  const begun = clock.monotonic()
  const run = ledger.beginRun(base.pass ?? 'run', clock.now())
  await context.spool.sweep()
  events({ event: 'run-started', pairs: pairs.length })
  const gate = new LoginGate(clock)
  const queue = new PQueue({ concurrency: Math.max(1, context.limits.accounts) })
  // Sources that share a destination take turns there: each looks for its own among what lies there.
  const turns = new Map<string, Promise<unknown>>()
  const outcomes = await Promise.all(
    pairs.map((pair) => {
      const before = turns.get(pair.destination)
      const turn = queue.add(async () => {
        await before
        return runOne(pair)
      })
      turns.set(pair.destination, turn)
      return turn
    }),
  )
  const cancelled = isStopped()
  ledger.endRun(run, clock.now(), cancelled ? 'interrupted' : 'finished')
  return { pairs: outcomes, cancelled, totals: ledger.totals({}), seconds: (clock.monotonic() - begun) / 1000 }

  function isStopped(): boolean {
    return stop.aborted
  }

  async function runOne(pair: Pair): Promise<PairOutcome> {
    if (isStopped()) return { pair, error: null }
    events({ event: 'pair-started', pair: pair.id })
    try {
      await runPair(context, gate, pair, stop, hard)
      if (!isStopped()) ledger.noteScope(pair.id, scopeOf(context.filters, context.mapping))
    } catch (error) {
      if (!(isStopped() && isKind(error, 'cancelled'))) {
        const failure = toSealpostError(error, `moving ${pair.source}`)
        events({ event: 'pair-failed', pair: pair.id, kind: failure.kind, message: failure.message })
        return { pair, error: failure }
      }
    }
    events({ event: 'pair-finished', pair: pair.id, totals: ledger.totals({ pairId: pair.id }) })
    return { pair, error: null }
  }
}
