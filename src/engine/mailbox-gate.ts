/**
 * Lets many appends into a destination mailbox at once, or one reconcile alone: while the latter waits for UIDNEXT to
 * stand still, nobody of ours may move it.
 */
export class MailboxGate {
  #appending = 0
  #exclusive = false
  #waiting: (() => void)[] = []

  /** Runs `append` together with others of its kind. */
  async shared<T>(append: () => Promise<T>): Promise<T> {
    while (this.#exclusive) await this.#changed()
    this.#appending++
    try {
      return await append()
    } finally {
      this.#appending--
      this.#notify()
    }
  }

  /** Runs `reconcile` alone, after what is under way has ended. */
  async exclusive<T>(reconcile: () => Promise<T>): Promise<T> {
    while (this.#exclusive) await this.#changed()
    this.#exclusive = true
    try {
      while (this.#appending > 0) await this.#changed()
      return await reconcile()
    } finally {
      this.#exclusive = false
      this.#notify()
    }
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #notify(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }
}
