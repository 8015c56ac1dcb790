import type { Clock } from '../../src/core/clock.ts'
import { SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import { isMissing } from '../shared/file-errors.ts'
import { isBase } from './file-name.ts'
import type { Folder, Place } from './folder.ts'
import { scan, type Entry } from './scan.ts'

/** Where a message's file lay when it was found. */
export interface Found {
  readonly place: Place
  /** The info part of its name. */
  readonly info: string
}

/** What is done with the file of a key; `turn` resolves when its result is what is waited for. */
type Act<Result> = (key: string, found: Found, turn: Promise<void>) => Promise<Result>

interface Begun<Result> {
  readonly key: string
  readonly result: Promise<{ readonly value: Result } | null>
  readonly isNext: () => void
}

/** As many calls to the disk as Node makes at once, and as many that wait. */
const AHEAD = 8
const MOST_GUESSES = 24
const MOST_KNOWN = 256
const MAX_SEARCHES = 5

/**
 * Finds the file of a key, whose name changes with its flags. Guesses first, from the info parts that are common in
 * the folder, and searches the folder only for what no guess found: so it needs no list of all messages, and a folder
 * is not gone through once for each batch.
 */
export class LookUp {
  readonly #clock: Clock
  readonly #folder: Folder
  /** How often `place` and info part were seen together. */
  readonly #seen = new Map<string, number>()
  #guesses: readonly Found[] = [
    { place: 'cur', info: ':2,S' },
    { place: 'cur', info: ':2,' },
    { place: 'new', info: '' },
  ]

  constructor(clock: Clock, folder: Folder) {
    this.#clock = clock
    this.#folder = folder
  }

  /** Learns from entries that were read for another reason. */
  learn(entries: readonly Entry[]): void {
    for (const { place, info } of entries) {
      const seen = `${place}${info}`
      const count = this.#seen.get(seen)
      if (count !== undefined || this.#seen.size < MOST_KNOWN) this.#seen.set(seen, (count ?? 0) + 1)
    }
    const common = [...this.#seen].sort((a, b) => b[1] - a[1]).slice(0, MOST_GUESSES)
    this.#guesses = common.map(([seen]) => ({
      place: seen.startsWith('new') ? 'new' : 'cur',
      info: seen.slice(3),
    }))
  }

  /**
   * Does something with the file of each key, in any order, and with a few of them ahead of their turn, since a disk that is
   * asked for one thing at a time is slow. `act` throws `ENOENT` when the file is not where it is
   * said to be. Keys that are not in the folder at all come with null.
   */
  async *each<Result>(
    keys: readonly string[],
    act: Act<Result>,
    signal: AbortSignal,
  ): AsyncGenerator<readonly [key: string, result: Result | null]> {
    const missing = new Set<string>()
    const names = new Set(keys).values()
    const begun: Begun<Result>[] = []
    try {
      for (;;) {
        throwIfAborted(signal)
        for (const key of firstOf(names, AHEAD - begun.length)) begun.push(this.#begin(key, act))
        const first = begun.shift()
        if (first === undefined) break
        first.isNext()
        const result = await first.result
        if (result === null && isBase(first.key)) missing.add(first.key)
        else yield [first.key, result?.value ?? null]
      }
    } finally {
      for (const { isNext } of begun) isNext()
      await Promise.allSettled(begun.map(({ result }) => result))
    }
    for (let search = 1; missing.size > 0 && search <= MAX_SEARCHES; search++) {
      let settled = false
      for await (const step of scan(this.#clock, this.#folder, signal)) {
        if (step.kind === 'end') {
          settled = step.settled
          continue
        }
        this.learn(step.entries)
        for (const entry of step.entries) {
          if (!missing.has(entry.base)) continue
          const result = await attempt(() => act(entry.base, entry, Promise.resolve()))
          if (result === null) continue
          missing.delete(entry.base)
          yield [entry.base, result.value]
        }
      }
      if (settled) break
      if (search === MAX_SEARCHES && missing.size > 0) {
        throw new SealpostError('transient', 'a Maildir folder changes too fast to be searched')
      }
    }
    for (const key of missing) yield [key, null]
  }

  #begin<Result>(key: string, act: Act<Result>): Begun<Result> {
    let isNext: () => void = () => undefined
    const turn = new Promise<void>((resolve) => (isNext = resolve))
    const result = isBase(key) ? this.#guess(key, act, turn) : Promise.resolve(null)
    // What fails ahead of its turn is thrown when that comes.
    result.catch(() => undefined)
    return { key, result, isNext }
  }

  async #guess<Result>(
    key: string,
    act: Act<Result>,
    turn: Promise<void>,
  ): Promise<{ readonly value: Result } | null> {
    for (const guess of this.#guesses) {
      const result = await attempt(() => act(key, guess, turn))
      if (result !== null) return result
    }
    return null
  }
}

function* firstOf<T>(items: Iterator<T>, count: number): Generator<T> {
  for (let given = 0; given < count; given++) {
    const next = items.next()
    if (next.done === true) return
    yield next.value
  }
}

async function attempt<Result>(act: () => Promise<Result>): Promise<{ readonly value: Result } | null> {
  try {
    return { value: await act() }
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}
