import type { Listed } from '../core/mail.ts'

/** What was received in one year (UTC) of INTERNALDATE; null for what has no date that a calendar knows. */
export interface YearCount {
  readonly year: number | null
  readonly messages: number
  readonly bytes: number
}

/** One of the largest messages; what it says is not known here. */
export interface LargeMessage {
  readonly bytes: number
  /** Milliseconds since 1970-01-01 UTC. */
  readonly internalDate: number
  readonly mailboxPath: readonly string[]
}

/** Messages and their bytes as announced. */
export interface Amount {
  readonly messages: number
  readonly bytes: number
}

/** As many of the largest messages are named. */
export const MAX_LARGEST = 20

const YEAR_MS = 365 * 86_400_000

/** Counts by year, the largest and the newest of what is listed, in memory that does not grow with the messages. */
export class MailTally {
  readonly #since: number
  readonly #years = new Map<number | null, { messages: number; bytes: number }>()
  #largest: LargeMessage[] = []
  readonly #recent = { messages: 0, bytes: 0 }

  /** `now` in milliseconds since 1970-01-01 UTC. */
  constructor(now: number) {
    this.#since = now - YEAR_MS
  }

  add({ bytes, internalDate }: Listed, mailboxPath: readonly string[]): void {
    const year = yearOf(internalDate)
    const count = this.#years.get(year) ?? { messages: 0, bytes: 0 }
    this.#years.set(year, count)
    for (const one of internalDate >= this.#since ? [count, this.#recent] : [count]) {
      one.messages++
      one.bytes += bytes
    }
    const last = this.#largest.at(-1)
    if (this.#largest.length < MAX_LARGEST || (last !== undefined && bytes > last.bytes)) {
      this.#largest = largestOf([...this.#largest, { bytes, internalDate, mailboxPath }])
    }
  }

  /** By year, oldest first. */
  get growth(): readonly YearCount[] {
    return [...this.#years]
      .map(([year, count]) => ({ year, ...count }))
      .sort((a, b) => (a.year ?? 0) - (b.year ?? 0))
  }

  /** Largest first, `MAX_LARGEST` at most. */
  get largest(): readonly LargeMessage[] {
    return this.#largest
  }

  /** What was received in the last 365 days. */
  get recent(): Amount {
    return { ...this.#recent }
  }
}

/** The largest of them, largest first; of equal ones those that come first. */
export function largestOf<T extends { readonly bytes: number }>(messages: readonly T[]): T[] {
  return messages.toSorted((a, b) => b.bytes - a.bytes).slice(0, MAX_LARGEST)
}

function yearOf(internalDate: number): number | null {
  const year = new Date(internalDate).getUTCFullYear()
  return year >= 0 && year <= 9999 ? year : null
}
