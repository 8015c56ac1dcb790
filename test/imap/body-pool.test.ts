import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BodyBlocks, BodyPool } from '../../connectors/imap/body-pool.ts'

const MIB = 1024 * 1024

describe('the memory of bodies', () => {
  it('is never that of two at once, whatever is taken and given back', () => {
    const step = fc.oneof(
      fc.record({
        pool: fc.constantFrom(0 as const, 1 as const),
        take: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 2_000_000 })),
      }),
      fc.record({ give: fc.nat({ max: 50 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const blocks = new BodyBlocks()
        const pools = [new BodyPool(blocks), new BodyPool(blocks)] as const
        const live: { readonly body: Buffer; readonly mark: number; readonly pool: BodyPool }[] = []
        let mark = 0
        for (const each of steps) {
          if ('take' in each) {
            const pool = pools[each.pool]
            const body = pool.take(each.take)
            expect(body.length).toBe(each.take)
            mark = (mark % 250) + 1
            live.push({ body: body.fill(mark), mark, pool })
          } else {
            const [gone] = live.splice(each.give % Math.max(1, live.length), 1)
            gone?.pool.give(gone.body)
          }
        }
        for (const { body, mark: wanted } of live) expect(body.every((byte) => byte === wanted)).toBe(true)
      }),
    )
  })

  it('is used again once all of a block has been given back, and before that not', () => {
    const pool = new BodyPool(new BodyBlocks())
    const [first, second, third] = [pool.take(2 * MIB), pool.take(MIB), pool.take(2 * MIB)]
    expect(second.buffer === first.buffer).toBe(true)
    expect(third.buffer === first.buffer).toBe(false)
    pool.give(first)
    const fourth = pool.take(3 * MIB)
    expect(fourth.buffer === first.buffer).toBe(false)
    pool.give(second)
    expect(pool.take(3 * MIB).buffer === first.buffer).toBe(true)
  })

  it('of whoever gives back at once is the same again and again', () => {
    const pool = new BodyPool(new BodyBlocks())
    const places = Array.from({ length: 100 }, () => {
      const body = pool.take(100_000)
      pool.give(body)
      return `${body.byteOffset}`
    })
    expect(new Set(places)).toEqual(new Set(['0']))
  })

  it('of a session that holds no body goes to the others', () => {
    const blocks = new BodyBlocks()
    const [one, other] = [new BodyPool(blocks), new BodyPool(blocks)]
    const [first, second] = [one.take(MIB), one.take(MIB)]
    one.give(first)
    expect(other.take(MIB).buffer === first.buffer).toBe(false)
    one.give(second)
    const third = other.take(3.5 * MIB)
    expect(third.buffer === first.buffer).toBe(true)
    // What was given back long ago is no longer the one session's to give.
    one.give(second)
    expect(other.take(1_000).byteOffset).toBe(3.5 * MIB)
  })

  it('keeps 32 MiB at most', () => {
    const pool = new BodyPool(new BodyBlocks())
    const bodies = Array.from({ length: 40 }, () => pool.take(4 * MIB))
    for (const body of bodies) pool.give(body)
    const again = new Set(Array.from({ length: 40 }, () => pool.take(4 * MIB).buffer))
    expect(bodies.filter(({ buffer }) => again.has(buffer)).length).toBe(8)
  })

  it('takes back nothing that it has not handed out', () => {
    const pool = new BodyPool(new BodyBlocks())
    const body = pool.take(1_000).fill(7)
    pool.give(Buffer.alloc(1_000))
    pool.give(Buffer.allocUnsafe(100))
    pool.give(pool.take(5 * MIB))
    pool.take(1_000).fill(8)
    expect(body.every((byte) => byte === 7)).toBe(true)
  })
})
