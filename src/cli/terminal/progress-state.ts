import type { EngineEvent } from '../../core/events.ts'
import type { Totals } from '../../core/states.ts'

/** How one account stands, for people to look at. */
export interface AccountProgress {
  readonly pair: number
  readonly name: string
  readonly phase: 'queued' | 'working' | 'done' | 'failed'
  /** Messages and bytes of the source so far known, and those that have ended. */
  readonly messages: number
  readonly bytes: number
  readonly doneMessages: number
  readonly doneBytes: number
  readonly quarantined: number
  /** Why it waits or failed; null while it goes on. */
  readonly note: string | null
  /** Lanes that the server stands, of how many; null as long as it stands all. */
  readonly lanes: { readonly allowed: number; readonly most: number } | null
}

/** What moves per second. */
export interface Rate {
  readonly messages: number
  readonly bytes: number
}

interface Sample {
  readonly at: number
  readonly messages: number
  readonly bytes: number
}

const MAX_SAMPLES = 60

/** In samples. */
const STRETCHES = [1, 5, 15, 30]

/** Turns events into what progress shows. Knows no clock: whoever samples says when. */
export class ProgressState {
  readonly #accounts = new Map<number, AccountProgress>()
  readonly #totalsOf: (pair: number) => Totals
  readonly #samples: Sample[] = []
  #landedMessages = 0
  #landedBytes = 0

  /** `totalsOf` answers from the ledger what is known of a pair. */
  constructor(
    pairs: readonly { readonly id: number; readonly name: string }[],
    totalsOf: (pair: number) => Totals,
  ) {
    this.#totalsOf = totalsOf
    for (const { id, name } of pairs) this.#accounts.set(id, start(id, name))
  }

  get accounts(): readonly AccountProgress[] {
    return [...this.#accounts.values()]
  }

  /** The sum over all accounts; phases and notes apart. */
  get total(): Omit<AccountProgress, 'pair' | 'name' | 'phase' | 'note' | 'lanes'> {
    const sum = { messages: 0, bytes: 0, doneMessages: 0, doneBytes: 0, quarantined: 0 }
    for (const account of this.#accounts.values()) {
      sum.messages += account.messages
      sum.bytes += account.bytes
      sum.doneMessages += account.doneMessages
      sum.doneBytes += account.doneBytes
      sum.quarantined += account.quarantined
    }
    return sum
  }

  /** Takes one event of the engine. */
  take(event: EngineEvent): void {
    switch (event.event) {
      case 'pair-started':
        this.#recount(event.pair, { phase: 'working', note: null })
        return
      case 'mailbox-listed':
        this.#recount(event.pair, { note: null })
        return
      case 'pair-finished':
        this.#recount(event.pair, { phase: 'done', note: null }, event.totals)
        return
      case 'pair-failed':
        this.#recount(event.pair, { phase: 'failed', note: event.message })
        return
      case 'batch-landed':
        this.#landedMessages += event.messages
        this.#landedBytes += event.bytes
        this.#add(event.pair, event.messages + event.adopted, event.bytes, 0)
        return
      case 'message-quarantined':
        this.#add(event.pair, 1, 0, 1)
        return
      case 'waiting':
        // What a server says when it asks for a wait adds nothing to that; what went wrong does.
        this.#change(event.pair, {
          note: event.reason === 'transient' ? (event.message ?? event.reason) : event.reason,
        })
        return
      case 'lanes-changed': {
        const { allowed, most } = event
        this.#change(event.pair, { lanes: allowed < most ? { allowed, most } : null })
        return
      }
      case 'reconnected':
        this.#change(event.pair, { note: null })
        return
      default:
        return
    }
  }

  /** Takes what the ledger knows of a pair, where another process does the work. A pair with id 0 is not in it. */
  readAgain(pair: number, change: Pick<AccountProgress, 'phase' | 'note'>): void {
    const before = this.#accounts.get(pair)
    if (before === undefined || pair === 0) return
    this.#recount(pair, change)
    const after = this.#accounts.get(pair) ?? before
    // Not done in one step: what was done before the first look is not what moves per second.
    const isFirst = before.messages === 0 && before.doneMessages === 0
    if (isFirst) return
    this.#landedMessages += Math.max(0, after.doneMessages - before.doneMessages)
    this.#landedBytes += Math.max(0, after.doneBytes - before.doneBytes)
  }

  /** Notes how far it has come at `at` (milliseconds of a monotonic clock). */
  sample(at: number): void {
    this.#samples.push({ at, messages: this.#landedMessages, bytes: this.#landedBytes })
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift()
  }

  /**
   * The median over the samples, so that one large message or one pause does not make it jump; over longer stretches
   * where so little lands at a time that most samples saw nothing.
   */
  get rate(): Rate {
    for (const stretch of STRETCHES) {
      const rate = this.#rateOver(stretch)
      if (rate.messages > 0 || rate.bytes > 0) return rate
    }
    return { messages: 0, bytes: 0 }
  }

  /** The same over every `stretch`-th sample. */
  #rateOver(stretch: number): Rate {
    const last = this.#samples.length - 1
    const samples = this.#samples.filter((_, index) => (last - index) % stretch === 0)
    const steps = samples.slice(1).flatMap((sample, index) => {
      const before = samples[index]
      const seconds = before === undefined ? 0 : (sample.at - before.at) / 1000
      if (before === undefined || seconds <= 0) return []
      const messages = (sample.messages - before.messages) / seconds
      return [{ messages, bytes: (sample.bytes - before.bytes) / seconds }]
    })
    return { messages: median(steps.map((step) => step.messages)), bytes: median(steps.map((step) => step.bytes)) }
  }

  /** Milliseconds until the end at the median rate: the later of what messages and bytes say; null when nobody can tell. */
  get timeLeft(): number | null {
    const { messages, bytes, doneMessages, doneBytes } = this.total
    const rate = this.rate
    const estimates = [
      rate.messages > 0 ? (messages - doneMessages) / rate.messages : null,
      rate.bytes > 0 ? (bytes - doneBytes) / rate.bytes : null,
    ].filter((seconds) => seconds !== null)
    return estimates.length === 0 ? null : Math.max(0, ...estimates) * 1000
  }

  #recount(pair: number, change: Partial<AccountProgress>, totals = this.#totalsOf(pair)): void {
    const doneMessages = totals.landed + totals.existing + totals.skipped + totals.quarantined + totals.expunged
    this.#change(pair, {
      messages: totals.source,
      bytes: totals.sourceBytes,
      doneMessages,
      doneBytes: Math.max(totals.landedBytes, doneMessages === totals.source ? totals.sourceBytes : 0),
      quarantined: totals.quarantined,
      ...change,
    })
  }

  #add(pair: number, messages: number, bytes: number, quarantined: number): void {
    const before = this.#accounts.get(pair)
    if (before === undefined) return
    const doneMessages = before.doneMessages + messages
    const doneBytes = before.doneBytes + bytes
    this.#change(pair, { doneMessages, doneBytes, quarantined: before.quarantined + quarantined, note: null })
  }

  #change(pair: number, change: Partial<AccountProgress>): void {
    const before = this.#accounts.get(pair)
    if (before !== undefined) this.#accounts.set(pair, { ...before, ...change })
  }
}

function start(pair: number, name: string): AccountProgress {
  return {
    pair,
    name,
    phase: 'queued',
    messages: 0,
    bytes: 0,
    doneMessages: 0,
    doneBytes: 0,
    quarantined: 0,
    note: null,
    lanes: null,
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  if (sorted.length % 2 === 1) return sorted[middle] ?? 0
  return sorted.length === 0 ? 0 : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}
