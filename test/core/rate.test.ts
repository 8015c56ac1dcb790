import { describe, expect, it } from 'vitest'
import { createMemoryConnector } from '../../connectors/memory/connector.ts'
import { createMemoryStore } from '../../connectors/memory/store.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { Connector } from '../../src/core/connector.ts'
import { metered, Rate } from '../../src/core/rate.ts'
import { counted } from '../../src/core/session-count.ts'
import { SwiftClock } from '../engine/fixture.ts'

const quiet = new AbortController().signal
const MB = 1_000_000

/** Time that stands still until everybody sleeps. */
class SteppedClock implements Clock {
  #time = 0
  #sleepers: { at: number; wake: () => void }[] = []

  now(): number {
    return this.#time
  }
  monotonic(): number {
    return this.#time
  }
  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#sleepers.push({ at: this.#time + ms, wake }))
  }
  after(): () => void {
    return () => undefined
  }

  /** Lets everything run until `end`. */
  async runUntil(end: number): Promise<void> {
    for (;;) {
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
      this.#sleepers.sort((a, b) => a.at - b.at)
      const next = this.#sleepers[0]
      if (next === undefined || next.at > end) break
      this.#sleepers.shift()
      this.#time = next.at
      next.wake()
    }
    this.#time = end
  }
}

describe('a rate', () => {
  it('is kept within 10 % over any 30 seconds by several at once who take pieces of every size', async () => {
    const clock = new SteppedClock()
    const rate = new Rate(2 * MB, clock)
    const passed: { at: number; bytes: number }[] = []
    const sizes = [64_000, 500_000, 2 * MB, 1_000, 1.5 * MB]
    const taker = async (lane: number): Promise<void> => {
      for (let n = lane; n < 400; n++) {
        const bytes = sizes[n % sizes.length] ?? 0
        await rate.take(bytes, quiet)
        passed.push({ at: clock.now(), bytes })
      }
    }
    const all = Promise.all([0, 1, 2, 3].map(taker))
    await clock.runUntil(150_000)
    for (let from = 0; from + 30_000 <= 150_000; from += 5_000) {
      const within = passed.filter(({ at }) => at >= from && at < from + 30_000)
      const sum = within.reduce((total, { bytes }) => total + bytes, 0)
      expect(Math.abs(sum / (60 * MB) - 1), `from ${from}`).toBeLessThan(0.1)
    }
    await clock.runUntil(10_000_000)
    await all
  })

  it('is another one from the next taking on, and what was taken before is waited for as it was', async () => {
    const clock = new SwiftClock()
    const rate = new Rate(1000, clock)
    expect(rate.bytesPerSecond).toBe(1000)
    await rate.take(2000, quiet)
    rate.change(4000)
    expect(rate.bytesPerSecond).toBe(4000)
    await rate.take(2000, quiet)
    await rate.take(0, quiet)
    expect(clock.slept).toEqual([2000, 500])
  })
})

describe('a metered connector', () => {
  it('has whatever the connector has besides, and nothing that it has not', async () => {
    const clock = new SteppedClock()
    const plain = createMemoryConnector(createMemoryStore(), { clock })
    const rates = { reading: new Rate(1, clock), writing: new Rate(1, clock) }
    const probeSessions: Connector['probeSessions'] = async () => {
      throw new Error('asked')
    }
    const more: Connector = { ...plain, credentialOf: (account) => `of ${account}`, probeSessions }
    for (const connector of [metered(more, rates), counted(more).connector]) {
      await expect(connector.probeSessions?.('anna', 1, quiet)).rejects.toThrow('asked')
      expect(connector.credentialOf?.('anna')).toBe('of anna')
    }
    expect(Reflect.get(metered(plain, rates), 'credentialOf')).toBeUndefined()
    expect(Reflect.get(counted(plain).connector, 'probeSessions')).toBeUndefined()
  })

  it('slows what is read and what is written, and is the same otherwise', async () => {
    const clock = new SteppedClock()
    const store = createMemoryStore()
    const plain = createMemoryConnector(store, { clock })
    const rates = { reading: new Rate(100_000, clock), writing: new Rate(100_000, clock) }
    const connector = metered(plain, rates)
    const session = await connector.openDestination('anna', quiet)
    expect(session.alive).toBe(true)
    const box = await session.ensureMailbox(['Box'], null, quiet)
    const bodies = [Buffer.alloc(50_000, 'a'), { bytes: 100_000, open: pieces }]
    let isStored = false
    const storing = (async () => {
      for (const body of bodies) {
        const batch = [{ body, internalDate: 0, flags: [], nul: false, sourceKey: '1' }]
        await session.whenMaySend?.(batch, quiet)
        const [outcome] = await session.append(box, batch, quiet)
        expect(outcome?.kind).toBe('landed')
      }
      isStored = true
    })()
    await clock.runUntil(900)
    expect(isStored).toBe(false)
    await clock.runUntil(1_500)
    await storing
    await session.close()
    expect(session.alive).toBe(false)

    const reader = await connector.openSource('anna', quiet)
    const read: number[] = []
    const reading = (async () => {
      for await (const fetched of reader.fetch(box, ['1', '2'], quiet)) {
        if (fetched.kind === 'whole') read.push(fetched.body.length)
      }
    })()
    await clock.runUntil(1_600)
    expect(read).toEqual([50_000])
    await clock.runUntil(4_000)
    await reading
    expect(read).toEqual([50_000, 100_000])
  })
})

async function* pieces(): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < 10; n++) yield Buffer.alloc(10_000, 'b')
}
