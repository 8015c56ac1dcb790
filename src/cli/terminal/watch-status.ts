import type { Clock } from '../../core/clock.ts'
import type { LedgerReader, Pair } from '../../core/ledger.ts'
import { stateOf } from '../outcome.ts'
import { showDashboard, type ShownDashboard } from './dashboard.ts'
import type { DashboardView } from './dashboard-view.ts'
import type { Output } from './output.ts'
import { ProgressState } from './progress-state.ts'
import { totalLine } from './progress-text.ts'
import { LINE_MS, SAMPLE_MS } from './progress.ts'

/** What is watched: the ledger, and whether a process works on the project. */
export interface WatchedProject {
  readonly pairs: readonly Pair[]
  readonly ledger: LedgerReader
  readonly isRunning: () => Promise<boolean>
}

/**
 * Shows, by the ledger alone, how a project goes on that another process works on: a dashboard on a terminal, lines
 * elsewhere. A dashboard stays, also between two runs, until q is pressed; lines end when no run is under way any more.
 * Returns false when `stop` was aborted.
 */
export async function watchStatus(
  output: Output,
  clock: Clock,
  { pairs, ledger, isRunning }: WatchedProject,
  stop: AbortSignal,
): Promise<boolean> {
  const names = pairs.map((pair) => ({ id: pair.id, name: pair.source }))
  const state = new ProgressState(names, (pairId) => ledger.totals({ pairId }))
  const waitsUntil = new Map<number, number>()
  const quit = new AbortController()
  let phase = 'no run' as DashboardView['phase']
  const read = async (): Promise<void> => {
    phase = (await isRunning()) ? 'running' : 'no run'
    const waits = phase === 'running' ? ledger.waits().filter(({ until }) => until > clock.now()) : []
    for (const wait of waits) waitsUntil.set(wait.pairId, wait.until)
    for (const pair of pairs) {
      const how = stateOf(pair, ledger)
      state.readAgain(pair.id, {
        phase: how === 'moved' ? 'done' : how === 'under way' && phase === 'running' ? 'working' : 'queued',
        note: waits.find((wait) => wait.pairId === pair.id)?.reason ?? null,
      })
    }
    state.sample(clock.monotonic())
  }
  const look = (): DashboardView => ({
    phase,
    state,
    now: clock.now(),
    waitsUntil,
    connections: null,
    lanes: null,
    bytesPerSecond: null,
  })
  await read()
  let dashboard: ShownDashboard | null = null
  let shown = ''
  try {
    if (output.interactive)
      dashboard = await showDashboard(output, clock, { look, ledger, controls: null, quit: () => quit.abort() })
    while (!quit.signal.aborted && !stop.aborted) {
      const text = totalLine(state)
      if (dashboard === null && `${phase} ${text}` !== shown) {
        output.line(text)
        output.event({ event: 'progress', running: phase === 'running', ...state.total })
      }
      if (dashboard === null && phase === 'no run') break
      shown = `${phase} ${text}`
      await clock
        .sleep(dashboard === null ? LINE_MS : SAMPLE_MS, AbortSignal.any([stop, quit.signal]))
        .catch(() => undefined)
      await read()
    }
    return !stop.aborted
  } finally {
    dashboard?.stop()
  }
}
