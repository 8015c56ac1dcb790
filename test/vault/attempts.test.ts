import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { Clock } from '../../src/core/clock.ts'
import { SealpostError } from '../../src/core/errors.ts'
import { makeGuess, type GuessWatch } from '../../vault/attempts.ts'

const WRONG = new SealpostError('locked', 'wrong', { code: 'WRONG' })
const isWrong = (error: unknown): boolean => error === WRONG
const right = async (): Promise<string> => 'open'
const wrong = (): Promise<never> => Promise.reject(WRONG)

let keystore: string
let file: string
let now: number
let waits: number[]
let told: number[]
/** The time of day goes on by what is slept; the pauses of a lock that is held cost nothing. */
let clock: Clock
let watch: GuessWatch

beforeEach(() => {
  keystore = mkdtempSync(join(tmpdir(), 'sealpost-attempts-'))
  onTestFinished(() => rmSync(keystore, { recursive: true, force: true }))
  file = join(keystore, 'attempts', 'ben.passphrase')
  now = Date.parse('2026-03-01T09:00:00Z')
  waits = []
  told = []
  clock = {
    now: () => now,
    monotonic: () => 0,
    sleep: async (ms) => {
      if (ms >= 1000) now += ms
      await setImmediate()
    },
    after: () => () => undefined,
  }
  watch = {
    clock,
    signal: new AbortController().signal,
    waiting: (ms) => waits.push(ms / 1000),
    wrong: async (operator, count) => {
      expect(operator).toBe('ben')
      told.push(count)
    },
  }
})

const guess = <T>(work: () => Promise<T>, by: GuessWatch = watch) =>
  makeGuess(keystore, 'ben', 'passphrase', by, work, isWrong)

async function fail(times: number): Promise<void> {
  for (let i = 0; i < times; i++) await expect(guess(wrong)).rejects.toBe(WRONG)
}

describe('wrong guesses', () => {
  it('are slowed more and more, up to a minute, and counted', async () => {
    await fail(14)
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60])
    expect(told).toEqual(Array.from({ length: 14 }, (_, i) => i + 1))
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('are forgotten after a right one, which is told of them', async () => {
    await fail(7)
    expect(await guess(right)).toEqual({ result: 'open', wrongBefore: 7 })
    waits = []
    expect(await guess(right)).toEqual({ result: 'open', wrongBefore: 0 })
    await fail(5)
    expect(waits).toEqual([])
    expect(told.slice(-1)).toEqual([5])
  })

  it('cost another operator and another secret nothing', async () => {
    await fail(9)
    waits = []
    await makeGuess(keystore, 'ben', 'code', watch, right, isWrong)
    await makeGuess(keystore, 'ada', 'passphrase', watch, right, isWrong)
    expect(waits).toEqual([])
  })

  it('begin five at once and no more, and one that was killed counts', async () => {
    let begun = 0
    let held = 0
    const stop = new AbortController()
    const stuck: GuessWatch = {
      ...watch,
      signal: stop.signal,
      waiting: () => held++,
      clock: {
        ...clock,
        sleep: (ms, signal) =>
          ms < 1000
            ? setImmediate()
            : new Promise((_, reject) => signal.addEventListener('abort', () => reject(WRONG), { once: true })),
      },
    }
    const all = Array.from({ length: 12 }, () =>
      guess(() => {
        begun++
        return new Promise<never>(() => undefined)
      }, stuck),
    )
    while (begun + held < 12) await setImmediate()
    expect({ begun, held }).toEqual({ begun: 5, held: 7 })
    stop.abort()
    let gaveUp = 0
    for (const one of all) one.catch(() => gaveUp++)
    while (gaveUp < 7) await setImmediate()
    // The five never end, as processes that were killed.
    await fail(2)
    expect(waits).toEqual([1, 2])
  })

  it('that began before a right one count after it', async () => {
    let finish: (error: unknown) => void = () => undefined
    let started: () => void = () => undefined
    const begun = new Promise<void>((resolve) => (started = resolve))
    const slow = guess(
      () =>
        new Promise<never>((_, reject) => {
          finish = reject
          started()
        }),
    )
    await begun
    await guess(right)
    finish(WRONG)
    await expect(slow).rejects.toBe(WRONG)
    expect(told).toEqual([1])
    expect(await guess(right)).toMatchObject({ wrongBefore: 1 })
  })
})

it('a failure that says nothing of the secret is not counted', async () => {
  const broken = new SealpostError('config', 'no memory')
  for (let i = 0; i < 20; i++) await expect(guess(() => Promise.reject(broken))).rejects.toBe(broken)
  expect({ waits, told }).toEqual({ waits: [], told: [] })
})

it('a clock that was set back makes no delay longer than a minute', async () => {
  await fail(8)
  now -= 365 * 86_400_000
  waits = []
  await guess(right)
  expect(waits).toEqual([60])
})

it.each(['', '{', '{"format":"other"}', JSON.stringify({ begun: -1 })])(
  'a count that was spoiled (%j) gives no free guesses and locks nobody out',
  async (text) => {
    await fail(1)
    writeFileSync(file, text)
    await fail(2)
    expect(waits).toEqual([2])
    await guess(right)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ begun: 0, wrong: 0 })
  },
)

it('an interrupted wait makes no guess', async () => {
  await fail(6)
  const gone = { ...watch, clock: { ...clock, sleep: () => Promise.reject(new SealpostError('cancelled', 'x')) } }
  let tried = false
  await expect(
    guess(async () => {
      tried = true
    }, gone),
  ).rejects.toMatchObject({ kind: 'cancelled' })
  expect(tried).toBe(false)
})
