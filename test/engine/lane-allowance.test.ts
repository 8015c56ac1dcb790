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
    const lanes = new LaneAllowance(8, 8, clock)
    await work(lanes, clock, 100, () => 10)
    expect(lanes.allowed).toBe(8)
  })

  it('no more than at first, before the first slices have shown what they reach', async () => {
    const clock = new SwiftClock()
    const lanes = new LaneAllowance(4, 8, clock)
    // Connecting and listing take long, and say nothing of what a lane brings.
    await clock.sleep(60_000, quiet)
    await work(lanes, clock, 16, () => 250)
    expect(lanes.allowed).toBe(4)
  })

  it('more than at first, one after the other, while each makes things faster', async () => {
    const clock = new SwiftClock()
    const told: number[] = []
    const lanes = new LaneAllowance(4, 8, clock, (allowed) => told.push(allowed))
    await work(lanes, clock, 300, () => 1000 / lanes.allowed)
    expect(told).toEqual([5, 6, 7, 8])
  })

  it('as many as at first where more bring nothing, but for a stretch now and then', async () => {
    const clock = new SwiftClock()
    const lanes = new LaneAllowance(4, 8, clock)
    await clock.sleep(60_000, quiet)
    const seen: number[] = []
    await work(lanes, clock, 600, () => {
      seen.push(lanes.allowed)
      return 250
    })
    expect(Math.max(...seen)).toBe(5)
    expect(seen.filter((allowed) => allowed === 4).length / seen.length).toBeGreaterThan(0.8)
  })

  it('half of as many as there are after a throttling, and more again later', async () => {
    const clock = new SwiftClock()
    const lanes = new LaneAllowance(4, 8, clock)
    await work(lanes, clock, 300, () => 1000 / lanes.allowed)
    lanes.noteThrottled()
    expect(lanes.allowed).toBe(4)
    await work(lanes, clock, 300, () => 1000 / lanes.allowed)
    expect(lanes.allowed).toBe(8)
  })

  it('half after a throttling, however many lanes heard of it, and never none', async () => {
    const clock = new SwiftClock()
    const told: number[] = []
    const lanes = new LaneAllowance(8, 8, clock, (allowed) => told.push(allowed))
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
    const lanes = new LaneAllowance(8, 8, clock)
    lanes.noteThrottled()
    await work(lanes, clock, 500, () => 1000 / lanes.allowed)
    expect(lanes.allowed).toBe(8)
  })

  it('not where one more makes nothing faster: the step is taken back, and tried again later', async () => {
    const clock = new SwiftClock()
    const lanes = new LaneAllowance(8, 8, clock)
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
