import { describe, expect, it } from 'vitest'
import { SealpostError, type ErrorKind } from '../../src/core/errors.ts'
import { backoffDelay, retry, throttleDelay } from '../../src/core/retry.ts'
import { SwiftClock } from '../engine/fixture.ts'

const quiet = new AbortController().signal
const failing = (kind: ErrorKind, retryAfter?: number): SealpostError =>
  new SealpostError(kind, 'not now', retryAfter === undefined ? {} : { retryAfter })

/** Runs an operation that fails with these errors, one after the other, and then succeeds. */
async function tried(errors: readonly unknown[], isWorthIt?: () => boolean) {
  const clock = new SwiftClock()
  const told: string[] = []
  let attempts = 0
  const operation = async (): Promise<string> => {
    const error = errors[attempts++]
    if (error !== undefined) throw error as Error
    return 'done'
  }
  const onWait = (reason: string, milliseconds: number, message?: string): void =>
    void told.push(`${reason} ${milliseconds} ${message ?? ''}`)
  const outcome: unknown = await retry(clock, onWait, operation, quiet, isWorthIt).catch((error: unknown) => error)
  return { outcome, attempts, slept: clock.slept, told }
}

describe('what fails and is tried again', () => {
  it('waits twice as long each time, and never longer than half a minute', () => {
    expect([0, 1, 2, 3, 7, 8, 9, 500].map(backoffDelay)).toEqual([
      250, 250, 500, 1000, 16_000, 30_000, 30_000, 30_000,
    ])
  })

  it('stays away as long as the server says, up to an hour, and five seconds where it says nothing', () => {
    expect(throttleDelay(failing('throttled'))).toBe(5_000)
    expect(throttleDelay(failing('throttled', 0))).toBe(0)
    expect(throttleDelay(failing('throttled', 299_961))).toBe(299_961)
    expect(throttleDelay(failing('throttled', 7_200_000))).toBe(3_600_000)
  })

  it('is tried six times in all, with a word for each wait, and the last failure is thrown', async () => {
    const five = await tried(Array<SealpostError>(5).fill(failing('transient')))
    expect([five.outcome, five.attempts, five.slept]).toEqual(['done', 6, [250, 500, 1000, 2000, 4000]])
    expect(five.told[1]).toBe('transient 500 not now')
    const errors = Array.from({ length: 6 }, () => failing('transient'))
    const six = await tried(errors)
    expect([six.outcome === errors[5], six.attempts, six.told.length]).toEqual([true, 6, 5])
  })

  it('waits fifty times for a server that throttles, which counts as no failure', async () => {
    const throttled = Array<SealpostError>(50).fill(failing('throttled', 7))
    const late = await tried([...throttled, ...Array<SealpostError>(5).fill(failing('transient'))])
    expect([late.outcome, late.attempts, late.slept[49], late.slept[50]]).toEqual(['done', 56, 7, 250])
    const never = await tried([...throttled, failing('throttled', 7)])
    expect([never.outcome, never.attempts]).toMatchObject([{ kind: 'throttled' }, 51])
  })

  it('is not tried again when it cannot help, or is not worth it', async () => {
    for (const error of [failing('auth'), failing('rejected'), failing('unknown-outcome'), new Error('ours')]) {
      const { outcome, attempts, told } = await tried([error])
      expect([outcome === error, attempts, told]).toEqual([true, 1, []])
    }
    const unworthy = await tried([failing('transient')], () => false)
    expect([unworthy.outcome, unworthy.attempts]).toMatchObject([{ kind: 'transient' }, 1])
    // A server that asks to be left alone for a while has answered.
    const throttled = await tried([failing('throttled', 1)], () => false)
    expect([throttled.outcome, throttled.attempts]).toEqual(['done', 2])
  })

  it('ends its wait when it is stopped', async () => {
    const stop = new AbortController()
    const reason = failing('cancelled')
    const operation = async (): Promise<void> => {
      stop.abort(reason)
      throw failing('transient')
    }
    await expect(retry(new SwiftClock(), () => undefined, operation, stop.signal)).rejects.toMatchObject({
      kind: 'cancelled',
    })
  })
})
