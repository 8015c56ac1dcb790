import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { untilOpen, whenOpen } from '../../src/core/work-hours.ts'
import { SwiftClock } from '../engine/fixture.ts'

const quiet = new AbortController().signal
const at = (hours: number, minutes = 0): number => new Date(2026, 2, 10, hours, minutes).getTime()
const HOUR = 3_600_000

describe('the hours in which work is done', () => {
  it('begin on the same day, or on the next', () => {
    const day = { from: 9 * 60, to: 17 * 60 }
    expect(untilOpen(day, at(8))).toBe(HOUR)
    expect(untilOpen(day, at(9))).toBe(0)
    expect(untilOpen(day, at(16, 59))).toBe(0)
    expect(untilOpen(day, at(17))).toBe(16 * HOUR)
  })

  it('go over midnight', () => {
    const night = { from: 20 * 60, to: 6 * 60 }
    expect(untilOpen(night, at(23))).toBe(0)
    expect(untilOpen(night, at(5, 59))).toBe(0)
    expect(untilOpen(night, at(6))).toBe(14 * HOUR)
    expect(untilOpen(night, at(19, 30))).toBe(HOUR / 2)
  })

  it('are open when the wait that was told is over, and not a minute before', () => {
    const minute = fc.integer({ min: 0, max: 1439 })
    const when = fc.integer({ min: at(0), max: at(0) + 400 * 24 * HOUR })
    fc.assert(
      fc.property(minute, minute, when, (from, to, now) => {
        fc.pre(from !== to)
        const wait = untilOpen({ from, to }, now)
        expect(wait).toBeGreaterThanOrEqual(0)
        expect(wait).toBeLessThanOrEqual(25 * HOUR)
        expect(untilOpen({ from, to }, now + wait)).toBe(0)
        if (wait > 60_000) expect(untilOpen({ from, to }, now + wait - 60_000)).toBeGreaterThan(0)
      }),
    )
  })

  it('are waited for, and told once', async () => {
    const clock = new SwiftClock()
    const from = new Date(clock.now() + 3 * HOUR)
    const begin = from.getHours() * 60 + from.getMinutes()
    const hours = { from: begin, to: (begin + 60) % 1440 }
    const told: number[] = []
    await whenOpen(hours, clock, (milliseconds) => told.push(milliseconds), quiet)
    expect(told).toHaveLength(1)
    expect(untilOpen(hours, clock.now())).toBe(0)
    await whenOpen(null, clock, () => told.push(0), quiet)
    expect(told).toHaveLength(1)
  })
})
