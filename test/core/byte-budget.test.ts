import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ByteBudget } from '../../src/core/byte-budget.ts'

const never = new AbortController().signal

/** What has been granted, without waiting. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve()
}

it('never gives out more than there is, and serves those who wait in their order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 100 }),
      fc.array(fc.record({ bytes: fc.integer({ min: 0, max: 150 }), isGivingBack: fc.boolean() }), {
        maxLength: 40,
      }),
      async (total, steps) => {
        const budget = new ByteBudget(total)
        const granted: number[] = []
        const held: { bytes: number; release: () => void }[] = []
        for (const [n, { bytes, isGivingBack }] of steps.entries()) {
          if (isGivingBack) held.shift()?.release()
          await settled()
          void budget.acquire(bytes, never).then((release) => {
            granted.push(n)
            held.push({ bytes: Math.min(bytes, total), release })
          })
          await settled()
          expect(held.reduce((sum, each) => sum + each.bytes, 0)).toBeLessThanOrEqual(total)
        }
        // Nobody waits for ever: as long as what is held is given back, all are served.
        for (let left = steps.length; left > 0; left--) {
          held.shift()?.release()
          await settled()
        }
        expect(granted).toEqual(steps.map((_, n) => n))
      },
    ),
  )
})

it('giving back twice gives back once', async () => {
  const budget = new ByteBudget(10)
  const release = await budget.acquire(10, never)
  release()
  release()
  await budget.acquire(10, never)
  let isGranted = false
  void budget.acquire(1, never).then(() => (isGranted = true))
  await settled()
  expect(isGranted).toBe(false)
})

it('whoever gives up waiting takes nothing, and those behind move up', async () => {
  const budget = new ByteBudget(10)
  const release = await budget.acquire(8, never)
  const stop = new AbortController()
  const large = budget.acquire(10, stop.signal)
  const small = budget.acquire(2, never)
  stop.abort()
  await expect(large).rejects.toMatchObject({ kind: 'cancelled' })
  const releaseSmall = await small
  release()
  releaseSmall()
  await budget.acquire(10, never)
})

it('who was served and is stopped later takes the place of nobody who waits', async () => {
  const budget = new ByteBudget(10)
  const release = await budget.acquire(10, never)
  const stop = new AbortController()
  const served = budget.acquire(10, stop.signal)
  let isGranted = false
  const last = budget.acquire(10, never).then(() => (isGranted = true))
  release()
  const releaseServed = await served
  stop.abort()
  await settled()
  expect(isGranted).toBe(false)
  releaseServed()
  await settled()
  expect(isGranted).toBe(true)
  await last
})
