import type { Listed } from '../core/mail.ts'

/** What verification compares of a listing. */
export type Present = Pick<Listed, 'internalDate' | 'flags'>

/**
 * The messages that lie in a mailbox, by their keys: in columns, and equal flags once, since all of a mailbox of half a
 * million are known at a time. What is listed again counts as it was last listed.
 */
export class PresentMessages {
  readonly #indexes = new Map<string, number>()
  #dates = new Float64Array(256)
  #flags = new Uint32Array(256)
  readonly #flagSets: (readonly string[])[] = []
  readonly #flagIndexes = new Map<string, number>()

  get size(): number {
    return this.#indexes.size
  }

  add({ key, internalDate, flags }: Listed): void {
    const index = this.#indexes.get(key) ?? this.#indexes.size
    this.#indexes.set(key, index)
    if (index === this.#dates.length) {
      this.#dates = grown(this.#dates, new Float64Array(2 * index))
      this.#flags = grown(this.#flags, new Uint32Array(2 * index))
    }
    this.#dates[index] = internalDate
    this.#flags[index] = this.#indexOfFlags(flags)
  }

  get(key: string): Present | undefined {
    const index = this.#indexes.get(key)
    if (index === undefined) return undefined
    return {
      internalDate: this.#dates[index] ?? 0,
      flags: this.#flagSets[this.#flags[index] ?? 0] ?? [],
    }
  }

  keys(): string[] {
    return [...this.#indexes.keys()]
  }

  #indexOfFlags(flags: readonly string[]): number {
    const text = flags.join('\0')
    let index = this.#flagIndexes.get(text)
    if (index === undefined) {
      index = this.#flagSets.push(flags) - 1
      this.#flagIndexes.set(text, index)
    }
    return index
  }
}

function grown<T extends Float64Array | Uint32Array>(from: T, to: T): T {
  to.set(from)
  return to
}
