import { describe, expect, it } from 'vitest'
import { LaneAllowance } from '../../src/engine/lane-allowance.ts'
import { SwiftClock } from './fixture.ts'

const quiet = new AbortController().signal

describe('how many lanes may work', () => {
  /** Lets `slices` slices through, each taking so many milliseconds. */
  async function work(lanes: LaneAllowance, clock: SwiftClock, slices: number, each: () => number): Promise<void> {
    for (let n = 0; n < slices; n++) {
      await clock.sleep(each(), quiet)
      lanes.noteSlice(100, 1_000_000)
    }
  }

  it('all, as long as nobody complains', async () => {
    const clock = new SwiftClock()
    const lanes = new LaneAllowance(8, clock)
    await work(lanes, clock, 100, () => 10)
    expect(lanes.allowed).toBe(8)
  })

  it('half after a throttling, however many lanes heard of it, and never none', async () => {
    const clock = new SwiftClock()
    const told: number[] = []
    const lanes = new LaneAllowance(8, clock, (allowed) => told.push(allowed))
    for (let lane = 0; lane < 8; lane++) lanes.noteThrottled()
    expect(lanes.allowed).toBe(4)
    for (let n = 0; n < 5; n++) {
      await clock.sleep(60_000, quiet)
      lanes.noteThrottled()
    }
    expect(lanes.allowed).toBe(1)
    expect(told).toEqual([4, 2, 1])
  })

  it('one more after each stretch without, where it makes things faster', async () => {
    const clock = new SwiftClock()
    const lanes = new LaneAllowance(8, clock)
    lanes.noteThrottled()
    await work(lanes, clock, 500, () => 1000 / lanes.allowed)
    expect(lanes.allowed).toBe(8)
  })

  it('not where one more makes nothing faster: the step is taken back, and tried again later', async () => {
    const clock = new SwiftClock()
    const lanes = new LaneAllowance(8, clock)
    lanes.noteThrottled()
    const seen = new Map<number, number>()
    await work(lanes, clock, 600, () => {
      seen.set(lanes.allowed, (seen.get(lanes.allowed) ?? 0) + 1)
      return 250
    })
    expect(Math.max(...seen.keys())).toBe(5)
    expect(seen.get(5) ?? 0).toBeGreaterThan(20)
    expect((seen.get(4) ?? 0) / 600).toBeGreaterThan(0.8)
  })
})
