/** Lets operations that share a name go one after the other, in the order in which they came; others are not held up. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>()

  /** Passes on what `operation` returns or throws. */
  async take<T>(names: readonly string[], operation: () => Promise<T>): Promise<T> {
    const before = names.flatMap((name) => this.#last.get(name) ?? [])
    let end: () => void = () => undefined
    const mine = new Promise<void>((resolve) => (end = resolve))
    for (const name of names) this.#last.set(name, mine)
    try {
      await Promise.all(before)
      return await operation()
    } finally {
      for (const name of names) if (this.#last.get(name) === mine) this.#last.delete(name)
      end()
    }
  }
}
