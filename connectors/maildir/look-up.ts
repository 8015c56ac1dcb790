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
   * Does something with the file of each key, in any order. `act` throws `ENOENT` when the file is not where it is
   * said to be. Keys that are not in the folder at all come with null.
   */
  async *each<Result>(
    keys: readonly string[],
    act: (key: string, found: Found) => Promise<Result>,
    signal: AbortSignal,
  ): AsyncGenerator<readonly [key: string, result: Result | null]> {
    const missing = new Set<string>()
    for (const key of new Set(keys)) {
      throwIfAborted(signal)
      const result = isBase(key) ? await this.#guess(key, act) : null
      if (result === null && isBase(key)) missing.add(key)
      else yield [key, result?.value ?? null]
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
          const result = await attempt(() => act(entry.base, entry))
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

  async #guess<Result>(
    key: string,
    act: (key: string, found: Found) => Promise<Result>,
  ): Promise<{ readonly value: Result } | null> {
    for (const guess of this.#guesses) {
      const result = await attempt(() => act(key, guess))
      if (result !== null) return result
    }
    return null
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
