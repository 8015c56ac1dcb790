import type { Clock } from '../../core/clock.ts'
import type { EngineEvent, EventSink } from '../../core/events.ts'
import type { LedgerReader, Pair } from '../../core/ledger.ts'
import type { Output } from './output.ts'
import { ProgressState } from './progress-state.ts'
import { progressBlock, totalLine } from './progress-text.ts'

/** Shows how a run goes on. */
export interface Progress {
  readonly sink: EventSink
  /** Shows the last state and stops. Twice is safe. */
  stop(): void
}

/** How often the rate is measured. */
export const SAMPLE_MS = 1000
const REDRAW_MS = 250
/** How often a line is written where there is no terminal. */
export const LINE_MS = 5000

/**
 * Shows events as they come: a block that is drawn anew on a terminal, a line every few seconds on a pipe, and one JSON
 * line an event under `--json`.
 */
export function showProgress(
  output: Output,
  clock: Clock,
  pairs: readonly Pair[],
  ledger: LedgerReader,
): Progress {
  if (output.json) return { sink: (event) => output.event(named(event, pairs)), stop: () => undefined }
  const names = pairs.map((pair) => ({ id: pair.id, name: pair.source }))
  const state = new ProgressState(names, (pairId) => ledger.totals({ pairId }))
  let stopped = false
  let shown = ''
  const draw = (): void => {
    if (output.interactive) output.block(progressBlock(state, output.columns, output.blockLines))
    else {
      const line = totalLine(state)
      if (line !== shown) output.line(line)
      shown = line
    }
  }
  state.sample(clock.monotonic())
  const cancels = [
    every(clock, SAMPLE_MS, () => state.sample(clock.monotonic())),
    every(clock, output.interactive ? REDRAW_MS : LINE_MS, draw),
  ]
  return {
    sink: (event) => {
      if (stopped) return
      state.take(event)
      // Whoever mistyped a port hears at once what is being waited for.
      if (event.event === 'waiting' && shown === '' && !output.interactive) draw()
    },
    stop: () => {
      if (stopped) return
      stopped = true
      for (const cancel of cancels) cancel()
      output.block([])
    },
  }
}

/** Does `work` every so many milliseconds; returns what ends that. */
export function every(clock: Clock, ms: number, work: () => void): () => void {
  let cancel = (): void => undefined
  const again = (): void => {
    cancel = clock.after(ms, () => {
      work()
      again()
    })
  }
  again()
  return () => cancel()
}

/** Names the accounts once, where their number first appears. */
function named(event: EngineEvent, pairs: readonly Pair[]): object {
  if (event.event !== 'pair-started') return event
  const pair = pairs.find((candidate) => candidate.id === event.pair)
  return { ...event, source: pair?.source, destination: pair?.destination }
}
