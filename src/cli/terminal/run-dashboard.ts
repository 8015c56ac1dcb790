import type { Clock } from '../../core/clock.ts'
import type { EventSink } from '../../core/events.ts'
import type { LedgerReader, Pair } from '../../core/ledger.ts'
import type { Rates } from '../../core/rate.ts'
import type { SessionCount } from '../../core/session-count.ts'
import type { Pace } from '../../engine/pace.ts'
import { showDashboard } from './dashboard.ts'
import type { DashboardControls, DashboardView } from './dashboard-view.ts'
import type { Output } from './output.ts'
import { ProgressState } from './progress-state.ts'
import { every, SAMPLE_MS, type Progress } from './progress.ts'

/** The run that a dashboard shows and that its keys change. */
export interface WatchedRun {
  readonly pairs: readonly Pair[]
  readonly ledger: LedgerReader
  readonly pace: Pace
  /** Null without `limits.rate`. */
  readonly rates: Rates | null
  readonly source: SessionCount
  readonly destination: SessionCount
  readonly stop: AbortSignal
}

/** A rate is not lowered below so many bytes a second. */
const LEAST_RATE = 16 * 1024

/** Shows a run of this process on a dashboard; its keys pause it and change its limits, within those of the project. */
export async function showRun(output: Output, clock: Clock, run: WatchedRun): Promise<Progress> {
  const { pairs, ledger, pace, rates, stop } = run
  const names = pairs.map((pair) => ({ id: pair.id, name: pair.source }))
  const state = new ProgressState(names, (pairId) => ledger.totals({ pairId }))
  const waitsUntil = new Map<number, number>()
  const look = (): DashboardView => ({
    phase: stop.aborted ? 'stopping' : pace.isPaused ? 'paused' : 'running',
    state,
    now: clock.now(),
    waitsUntil,
    connections: { source: run.source.open, destination: run.destination.open },
    lanes: { allowed: pace.lanes, most: pace.mostLanes },
    bytesPerSecond: rates?.reading.bytesPerSecond ?? null,
  })
  state.sample(clock.monotonic())
  const cancel = every(clock, SAMPLE_MS, () => {
    // A pause says nothing of how fast the servers are.
    if (!pace.isPaused) state.sample(clock.monotonic())
  })
  const dashboard = await showDashboard(output, clock, { look, ledger, controls: controlsOf(pace, rates), quit })
  const sink: EventSink = (event) => {
    if (event.event === 'waiting') waitsUntil.set(event.pair, clock.now() + event.milliseconds)
    state.take(event)
  }
  return {
    sink,
    stop: () => {
      cancel()
      dashboard.stop()
    },
  }
}

/** What the keys of a run do. The rate goes from a small one to what the project allows. */
export function controlsOf(pace: Pace, rates: Rates | null): DashboardControls {
  const most = rates?.reading.bytesPerSecond ?? 0
  return {
    togglePause: () => {
      if (pace.isPaused) pace.resume()
      else pace.pause()
    },
    changeLanes: (step) => pace.setLanes(pace.lanes + step),
    changeRate: (factor) => {
      if (rates === null) return
      const wanted = rates.reading.bytesPerSecond * factor
      const next = Math.min(most, Math.max(Math.min(LEAST_RATE, most), wanted))
      for (const rate of [rates.reading, rates.writing]) rate.change(next)
    },
  }
}

/** As Ctrl-C does: the first finishes what is under way, the second leaves at once. */
function quit(): void {
  process.kill(process.pid, 'SIGINT')
}
