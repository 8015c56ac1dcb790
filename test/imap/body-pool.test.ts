import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BodyPool } from '../../connectors/imap/body-pool.ts'

const MIB = 1024 * 1024

describe('the memory of bodies', () => {
  it('is never that of two at once, whatever is taken and given back', () => {
    const step = fc.oneof(
      fc.record({ take: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 2_000_000 })) }),
      fc.record({ give: fc.nat({ max: 50 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pool = new BodyPool()
        const live: { readonly body: Buffer; readonly mark: number }[] = []
        let mark = 0
        for (const each of steps) {
          if ('take' in each) {
            const body = pool.take(each.take)
            expect(body.length).toBe(each.take)
            mark = (mark % 250) + 1
            live.push({ body: body.fill(mark), mark })
          } else {
            const [gone] = live.splice(each.give % Math.max(1, live.length), 1)
            if (gone !== undefined) pool.give(gone.body)
          }
        }
        for (const { body, mark: wanted } of live) expect(body.every((byte) => byte === wanted)).toBe(true)
      }),
    )
  })

  it('is used again once all of a block has been given back, and before that not', () => {
    const pool = new BodyPool()
    const [first, second, third] = [pool.take(2 * MIB), pool.take(MIB), pool.take(2 * MIB)]
    expect(second.buffer).toBe(first.buffer)
    expect(third.buffer).not.toBe(first.buffer)
    pool.give(first)
    const fourth = pool.take(3 * MIB)
    expect(fourth.buffer).not.toBe(first.buffer)
    pool.give(second)
    expect(pool.take(3 * MIB).buffer).toBe(first.buffer)
  })

  it('of whoever gives back at once is the same again and again', () => {
    const pool = new BodyPool()
    const places = Array.from({ length: 100 }, () => {
      const body = pool.take(100_000)
      pool.give(body)
      return `${body.byteOffset}`
    })
    expect(new Set(places)).toEqual(new Set(['0']))
  })

  it('keeps 16 MiB at most', () => {
    const pool = new BodyPool()
    const bodies = Array.from({ length: 40 }, () => pool.take(4 * MIB))
    for (const body of bodies) pool.give(body)
    const again = new Set(Array.from({ length: 40 }, () => pool.take(4 * MIB).buffer))
    expect(bodies.filter(({ buffer }) => again.has(buffer)).length).toBeLessThanOrEqual(5)
  })

  it('takes back nothing that it has not handed out', () => {
    const pool = new BodyPool()
    const body = pool.take(1_000).fill(7)
    pool.give(Buffer.alloc(1_000))
    pool.give(Buffer.allocUnsafe(100))
    pool.give(pool.take(5 * MIB))
    pool.take(1_000).fill(8)
    expect(body.every((byte) => byte === 7)).toBe(true)
  })
})
