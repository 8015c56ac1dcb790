import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BodyPool } from '../../connectors/imap/body-pool.ts'

const MIB = 1024 * 1024

describe('the memory of bodies', () => {
  it('is never that of two at once, whatever is taken and given back', () => {
    const step = fc.oneof(
      fc.record({ take: fc.integer({ min: 0, max: 300_000 }) }),
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

  it('is used again for a body of about the size, and not for a far smaller one', () => {
    const pool = new BodyPool()
    const first = pool.take(100_000)
    pool.give(first)
    expect(pool.take(30_000).buffer).not.toBe(first.buffer)
    expect(pool.take(90_000).buffer).toBe(first.buffer)
    expect(pool.take(90_000).buffer).not.toBe(first.buffer)
  })

  it('takes the block that fits best', () => {
    const pool = new BodyPool()
    const bodies = [200_000, 120_000, 160_000].map((bytes) => pool.take(bytes))
    for (const body of bodies) pool.give(body)
    expect(pool.take(110_000).buffer).toBe(bodies[1]?.buffer)
  })

  it('keeps 8 MiB at most', () => {
    const pool = new BodyPool()
    const bodies = Array.from({ length: 40 }, () => pool.take(MIB))
    for (const body of bodies) pool.give(body)
    const again = Array.from({ length: 40 }, () => pool.take(MIB).buffer)
    expect(again.filter((buffer) => bodies.some((body) => body.buffer === buffer))).toHaveLength(8)
  })

  it('leaves small bodies to Node, whose slabs hold other things too', () => {
    const pool = new BodyPool()
    const slab = Buffer.allocUnsafe(100)
    const small = pool.take(100)
    pool.give(small)
    expect(pool.take(8_000).buffer).not.toBe(slab.buffer)
  })
})
