import { Box } from 'ink'
import { render } from 'ink-testing-library'
import { createElement } from 'react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Dashboard, type DashboardProps } from '../../src/cli/terminal/dashboard-app.ts'
import { firstShown, type DashboardView } from '../../src/cli/terminal/dashboard-view.ts'
import { ProgressState } from '../../src/cli/terminal/progress-state.ts'
import { controlsOf } from '../../src/cli/terminal/run-dashboard.ts'
import { systemClock } from '../../src/core/clock.ts'
import { Rate } from '../../src/core/rate.ts'
import { Pace } from '../../src/engine/pace.ts'

const TOTALS = {
  ...{ source: 200, discovered: 150, appending: 0, landed: 50, existing: 0, skipped: 0, quarantined: 0 },
  ...{ expunged: 0, merged: 0, sourceBytes: 2000, landedBytes: 500 },
}
const MB = 1024 * 1024

function show(names: readonly string[], change: Partial<DashboardProps> = {}, width = 100) {
  const state = new ProgressState(
    names.map((name, index) => ({ id: index + 1, name })),
    () => TOTALS,
  )
  for (const [index] of names.entries()) state.take({ event: 'pair-started', pair: index + 1 })
  state.take({ event: 'lanes-changed', pair: 2, allowed: 3, most: 8 })
  state.take({ event: 'waiting', pair: 2, reason: 'throttled', milliseconds: 80_000 })
  const pace = new Pace(4)
  const rates = { reading: new Rate(4 * MB, systemClock), writing: new Rate(4 * MB, systemClock) }
  const controls = controlsOf(pace, rates)
  const asked: string[] = []
  const view = (): DashboardView => ({
    ...{ phase: pace.isPaused ? 'paused' : 'running', state, now: 1_000, waitsUntil: new Map([[2, 81_000]]) },
    connections: { source: 3, destination: 2 },
    lanes: { allowed: pace.lanes, most: pace.mostLanes },
    bytesPerSecond: rates.reading.bytesPerSecond,
  })
  const props = (): DashboardProps => ({
    ...{ view: view(), lines: 12, controls, hasKeys: true },
    mailboxesOf: (pair) => [{ name: `Box ${pair}\u001b[2J`, messages: 9, doneMessages: 8, exceptions: 1 }],
    quit: () => asked.push('quit'),
    paint: (_, text) => text,
    ...change,
  })
  const draw = () => createElement(Box, { width }, createElement(Dashboard, props()))
  const app = render(draw())
  const press = async (keys: string): Promise<string> => {
    await turn()
    app.stdin.write(keys)
    await turn()
    app.rerender(draw())
    await turn()
    return app.lastFrame() ?? ''
  }
  return { ...{ app, pace, rates, asked, press } }
}

/** Effects of a drawing, such as listening to keys, come after it. */
async function turn(): Promise<void> {
  for (let count = 0; count < 5; count++) await new Promise((resolve) => setImmediate(resolve))
}

/** React says there when rows could be lost or shown twice. */
const complaints = vi.spyOn(console, 'error')
beforeEach(() => void complaints.mockClear())
afterEach(() => expect(complaints.mock.calls).toEqual([]))

describe('the dashboard', () => {
  it('says in words how the run goes, what waits and for how long', () => {
    const frame = show(['anna', 'bert']).app.lastFrame() ?? ''
    expect(frame).toContain('RUNNING')
    expect(frame).toContain('connections 3 source, 2 destination  lanes 4 of 4  rate limit 4.00 MiB/s')
    expect(frame).toMatch(/bert .*waits: throttled, 1 min 20 s until 00:01:21Z/)
    expect(frame).toContain('50/200 25%')
  })

  it('says how many lanes a throttling server leaves an account, beside those that the keys leave', async () => {
    const { app, press } = show(['anna', 'bert'])
    expect(app.lastFrame()).toMatch(/bert .*lanes 3 of 8/)
    expect(app.lastFrame()).not.toMatch(/anna .*lanes/)
    for (let time = 0; time < 2; time++) await press('-')
    expect(await press('')).toMatch(/lanes 2 of 4[^]*bert .*lanes 2 of 8/)
  })

  it('shows a wait, its length and its end at 80 columns too', () => {
    const frame = show(['anna', 'bert'], {}, 79).app.lastFrame() ?? ''
    expect(frame).toMatch(/^ {2}bert .*waits: throttled, 1 min 20 s until 00:01:21Z/m)
  })

  it('pauses and resumes, and changes lanes and rate within what the project allows', async () => {
    const { press, pace, rates } = show(['anna'])
    expect(await press('p')).toContain('PAUSED')
    expect(pace.isPaused).toBe(true)
    expect(await press('p')).toContain('RUNNING')
    for (let time = 0; time < 6; time++) await press('-')
    expect(pace.lanes).toBe(1)
    for (let time = 0; time < 6; time++) await press('+')
    expect(pace.lanes).toBe(4)
    await press('[')
    expect(rates.writing.bytesPerSecond).toBe(2 * MB)
    for (let time = 0; time < 3; time++) await press(']')
    expect(rates.reading.bytesPerSecond).toBe(4 * MB)
  })

  it('opens the mailboxes of the chosen account, whose names cannot move the cursor, and goes back', async () => {
    const { press } = show(['anna', 'bert'])
    await press('j')
    const opened = await press('\r')
    expect(opened).toContain('mailboxes of bert')
    expect(opened).toMatch(/Box 2 .*8\/9 88% {2}1 exception\b/)
    expect(opened).not.toContain('\u001b[2J')
    expect(await press('\r')).toContain('account  1-2 of 2')
    await press('k')
    expect(await press('\r')).toContain('mailboxes of anna')
  })

  it('takes keys that come together one by one', async () => {
    const { press, pace } = show(['anna'])
    expect(await press('p--\r')).toContain('mailboxes of anna')
    expect(pace).toMatchObject({ isPaused: true, lanes: 2 })
  })

  it('scrolls through more accounts than there are lines, none longer than the terminal is wide', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `account-${index + 1}-${'x'.repeat(90)}`)
    const { press, app } = show(names)
    expect((app.lastFrame() ?? '').split('\n').length).toBeLessThanOrEqual(12)
    let frame = ''
    for (let step = 0; step < 45; step++) frame = await press('j')
    expect(frame).toContain('account  35-40 of 40')
    expect(frame).toContain('> account-40-')
    for (const line of frame.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  })

  it('quits by q and by Ctrl-C, and only shows when it only watches', async () => {
    const { press, asked, pace } = show(['anna'], { controls: null })
    expect(await press('p')).not.toContain('lanes +')
    expect(pace.isPaused).toBe(false)
    await press('q')
    await press('\u0003')
    // Typed twice while the program is busy, it comes at once.
    await press('\u0003\u0003')
    expect(asked).toEqual(['quit', 'quit', 'quit', 'quit'])
  })

  it('keeps the chosen line in sight', () => {
    for (let chosen = 0; chosen < 50; chosen++) {
      const first = firstShown(chosen, 50, 7)
      expect(first).toBeGreaterThanOrEqual(0)
      expect(chosen - first).toBeGreaterThanOrEqual(0)
      expect(chosen - first).toBeLessThan(7)
    }
    expect(firstShown(2, 3, 10)).toBe(0)
  })
})
