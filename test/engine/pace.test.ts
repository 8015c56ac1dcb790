import { describe, expect, it } from 'vitest'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import { SealpostError } from '../../src/core/errors.ts'
import { metered, Rate } from '../../src/core/rate.ts'
import { counted } from '../../src/core/session-count.ts'
import { Pace } from '../../src/engine/pace.ts'
import { DEFAULT_LIMITS } from '../../src/engine/settings.ts'
import { Fixture, mail, nonZero } from './fixture.ts'

/** So many turns of the event loop are more than any run of these needs. */
const MANY_TURNS = 20_000

/** A run of 1,000 messages that is told something when its `at`-th append begins, and counts what goes on. */
function begin(pace: Pace, lanes: number, at: number, act: () => void) {
  const fixture = new Fixture()
  for (let n = 0; n < 1000; n++) fixture.alice.add(['INBOX'], mail(`body ${n}`, `${n}@example.com`))
  let appends = 0
  let under = 0
  let most = 0
  fixture.destinationOptions = {
    onStep: async (step) => {
      if (step.op !== 'append') return
      if (step.phase !== 'before') {
        under--
        return
      }
      appends++
      under++
      if (appends === at) act()
      if (appends > at) most = Math.max(most, under)
      await turns(10)
    },
  }
  fixture.settings = { limits: { ...DEFAULT_LIMITS, accounts: 1, lanes }, pace }
  const plain = fixture.connectors()
  const source = counted(plain.source)
  const destination = counted(plain.destination)
  fixture.connectors = () => ({ source: source.connector, destination: destination.connector })
  return {
    fixture,
    open: () => source.sessions.open + destination.sessions.open,
    appends: () => appends,
    mostAtOnce: () => most,
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < MANY_TURNS && !isSo(); turn++) await turns(1)
  expect(isSo()).toBe(true)
}

describe('a run that is held to a rate', () => {
  it('has nothing in doubt while it waits, and ends at once when it is asked to', async () => {
    const fixture = new Fixture()
    for (let n = 0; n < 300; n++) fixture.alice.add(['INBOX'], mail(`body ${n}`))
    fixture.destinationOptions = { capabilities: { appendBatch: { messages: 10, bytes: 1 << 20 } } }
    let waiting = 0
    const sleep: Clock['sleep'] = (_, signal) => {
      waiting++
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      })
    }
    // One batch passes, and what comes after it waits for good.
    const rates = { reading: new Rate(Infinity, fixture.clock), writing: new Rate(1, { ...systemClock, sleep }) }
    const ends = fixture.connectors()
    fixture.connectors = () => ({ ...ends, destination: metered(ends.destination, rates) })
    fixture.settings = { limits: { ...DEFAULT_LIMITS, lanes: 3 } }
    const stop = new AbortController()
    const running = fixture.run(fixture.pairs(), stop.signal)
    await until(() => waiting === 3 && fixture.ledger.totals({}).landed > 0)
    expect(fixture.ledger.totals({}).appending).toBe(0)
    stop.abort(new SealpostError('cancelled', 'interrupted'))
    const { totals, pairs } = await running
    expect(pairs.map(({ error }) => error)).toEqual([null])
    expect([totals.appending, totals.landed + totals.discovered]).toEqual([0, 300])
    fixture.connectors = () => ends
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 300, landed: 300 })
    expect(fixture.moved.messages(['INBOX'])).toHaveLength(300)
  })
})

describe('the pace of a run', () => {
  it('begins nothing in a pause, keeps no connection, and goes on where it was', async () => {
    const pace = new Pace(3)
    const watched = begin(pace, 3, 2, () => pace.pause())
    const running = watched.fixture.run()
    await until(() => watched.appends() >= 2 && watched.open() === 0)
    const { landed, source } = watched.fixture.ledger.totals({})
    const before = watched.appends()
    expect(landed).toBeLessThan(source)
    await turns(200)
    expect(watched.appends()).toBe(before)
    expect(watched.fixture.ledger.totals({}).landed).toBe(landed)
    expect(watched.fixture.ledger.totals({}).appending).toBe(0)
    pace.resume()
    expect(nonZero((await running).totals)).toEqual({ source: 1000, landed: 1000 })
    expect(watched.open()).toBe(0)
    expect(watched.fixture.moved.messages(['INBOX'])).toHaveLength(1000)
  })

  it('logs in nowhere when it is paused before it begins', async () => {
    const pace = new Pace(2)
    pace.pause()
    const watched = begin(pace, 2, 0, () => undefined)
    const running = watched.fixture.run()
    await turns(200)
    expect(watched.open()).toBe(0)
    pace.resume()
    expect(nonZero((await running).totals)).toEqual({ source: 1000, landed: 1000 })
  })

  it('ends a paused run when it is asked to stop', async () => {
    const pace = new Pace(2)
    const stop = new AbortController()
    const watched = begin(pace, 2, 2, () => pace.pause())
    const running = watched.fixture.run(watched.fixture.pairs(), stop.signal)
    await until(() => watched.appends() >= 2 && watched.open() === 0)
    stop.abort()
    const outcome = await running
    expect(outcome.cancelled).toBe(true)
    expect(outcome.pairs.map(({ error }) => error)).toEqual([null])
    expect(outcome.totals.landed).toBeLessThan(1000)
  })

  it('works with no more lanes than it is given, and with all of them again', async () => {
    const pace = new Pace(4)
    pace.setLanes(1)
    const narrow = begin(pace, 4, 0, () => undefined)
    expect(nonZero((await narrow.fixture.run()).totals)).toEqual({ source: 1000, landed: 1000 })
    expect(narrow.mostAtOnce()).toBe(1)
    const widened = begin(pace, 4, 2, () => pace.setLanes(9))
    expect(nonZero((await widened.fixture.run()).totals)).toEqual({ source: 1000, landed: 1000 })
    expect(pace.lanes).toBe(4)
    expect(widened.mostAtOnce()).toBeGreaterThan(1)
  })
})
