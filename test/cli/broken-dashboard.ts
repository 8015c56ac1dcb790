// A dashboard whose detail cannot be drawn, since the ledger fails under it: what dashboard-terminal.test.ts starts on a terminal.
import { systemClock } from '../../src/core/clock.ts'
import type { LedgerReader } from '../../src/core/ledger.ts'
import { installSignals } from '../../src/cli/interrupt.ts'
import { showDashboard } from '../../src/cli/terminal/dashboard.ts'
import { processOutput } from '../../src/cli/terminal/output.ts'
import { ProgressState } from '../../src/cli/terminal/progress-state.ts'

const output = processOutput({ json: false, noColour: true })
const { stop } = installSignals(systemClock, () => undefined)
const none = { source: 0, discovered: 0, appending: 0, landed: 0, existing: 0, skipped: 0 }
const totals = { ...none, quarantined: 0, expunged: 0, merged: 0, sourceBytes: 0, landedBytes: 0 }
const state = new ProgressState([{ id: 1, name: 'anna' }], () => totals)
const ledger = {
  mailboxes: () => {
    throw new Error('subject: lunch on Wednesday')
  },
} as unknown as LedgerReader
let looks = 0
const dashboard = await showDashboard(output, systemClock, {
  look: () => ({
    // Told to break at once, it does so by what it draws, for which no key is needed.
    get phase(): 'running' {
      if (process.argv[2] === 'at-once' && ++looks > 1) throw new Error('subject: lunch on Wednesday')
      return 'running'
    },
    ...{ state, now: systemClock.now(), waitsUntil: new Map() },
    ...{ connections: null, lanes: null, bytesPerSecond: null },
  }),
  ledger,
  controls: null,
  quit: () => undefined,
})
await systemClock.sleep(60_000, stop).catch(() => undefined)
dashboard.stop()
process.exitCode = 130
