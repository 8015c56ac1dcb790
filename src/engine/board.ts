import type { Ledger, MessageRecord } from '../core/ledger.ts'
import type { MailboxWork } from './mailbox-work.ts'
import type { Sights } from './sights.ts'

/** What a lane is given to do. */
export type Task =
  | { readonly kind: 'prepare'; readonly work: MailboxWork }
  | { readonly kind: 'move'; readonly work: MailboxWork; readonly rows: readonly MessageRecord[] }
  | { readonly kind: 'suspects'; readonly work: MailboxWork }
  | { readonly kind: 'finish'; readonly work: MailboxWork }

/** Below it a round trip costs more than a lane that has nothing to do. */
const SMALLEST_SHARE = 25

/** How the board deals. */
export interface BoardRules {
  /** Lanes that work at the moment. */
  readonly lanes: () => number
  /** The most that a slice holds; but one message always fits. */
  readonly slice: { readonly messages: number; readonly bytes: number }
  /** Where mail may have been moved between mailboxes, all are listed before anything is appended (design section 5). */
  readonly listAllFirst: boolean
  /** A server that gives no keys has its batches' keys looked up before the next batch: one lane a mailbox. */
  readonly exclusive: boolean
  /** For a source with labels: its mailboxes are listed one after the other, in their order. Else null. */
  readonly sights: Sights | null
  /** Both ends show one message in several mailboxes: it is sent once, and shown in the others in the next pass. */
  readonly joins?: boolean
  /** Works that have to be through before anything of the others is moved. */
  readonly first?: (work: MailboxWork) => boolean
}

/**
 * Hands the work on a pair's mailboxes to its lanes, each row to one lane at a time. A lane stays with its mailbox
 * while there is anything to do, takes a new one otherwise, and helps with another's last.
 */
export class Board {
  readonly #ledger: Ledger
  readonly #works: readonly MailboxWork[]
  readonly #rules: BoardRules
  #waiting: (() => void)[] = []

  constructor(ledger: Ledger, works: readonly MailboxWork[], rules: BoardRules) {
    this.#ledger = ledger
    this.#works = works
    this.#rules = rules
  }

  /** Something to do now, or null. `last`: the mailbox the lane worked on before. */
  next(last: MailboxWork | null): Task | null {
    const mayMove = !this.#rules.listAllFirst || this.#works.every((work) => isListed(work))
    if (mayMove && last !== null) {
      const task = this.#taskOf(last)
      if (task !== null) return task
    }
    const fresh = this.#works.find((work) => work.phase === 'new')
    const mayList = this.sights === null || !this.#works.some((work) => work.listing || work.phase === 'preparing')
    if (fresh !== undefined && mayList) {
      fresh.phase = 'preparing'
      return { kind: 'prepare', work: fresh }
    }
    if (!mayMove) return null
    const byLoad = [...this.#works].sort((a, b) => a.active - b.active)
    for (const work of byLoad) {
      const task = this.#taskOf(work)
      if (task !== null) return task
    }
    return null
  }

  /** Who moves what several mailboxes show, where the source has labels. */
  get sights(): Sights | null {
    return this.#rules.sights
  }

  /** A mailbox was listed to its end. */
  endListing(work: MailboxWork): void {
    if (this.#works.every((each) => each === work || isListed(each))) this.sights?.settle()
    work.listing = false
  }

  /** True when every mailbox is done. */
  get isDone(): boolean {
    return this.#works.every((work) => work.phase === 'done')
  }

  /** Resolves at the next `notify`. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** There may be something to do that was not there before. */
  notify(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  /**
   * The rows of a mailbox are dealt evenly where lanes have no mailbox of their own: a lane that takes more than the
   * others is the one that all wait for in the end.
   */
  #shareOf(work: MailboxWork): number {
    const { lanes, slice } = this.#rules
    const open = this.#works.filter((each) => each.phase !== 'done' && !each.exhausted).length
    const helping = Math.floor(lanes() / open)
    if (helping < 2) return slice.messages
    if (work.share.rows === slice.messages) return slice.messages
    const most = helping * slice.messages
    const ahead = this.#ledger.pendingAhead(work.record.id, work.afterId, 2 * most)
    // Dealt once: counted again halfway, the same rows would be dealt in other pieces. A listing may show more of them.
    if (ahead > work.share.ahead) {
      const even = ahead >= 2 * most ? slice.messages : Math.ceil(ahead / (helping * Math.ceil(ahead / most)))
      work.share = { ahead, rows: Math.max(even, Math.min(SMALLEST_SHARE, slice.messages)) }
    }
    return Math.max(work.share.rows, 1)
  }

  #isItsTurn(work: MailboxWork): boolean {
    const { first } = this.#rules
    if (first === undefined || first(work)) return true
    return this.#works.every((each) => !first(each) || each.phase === 'finishing' || each.phase === 'done')
  }

  #taskOf(work: MailboxWork): Task | null {
    if (work.phase !== 'moving' || !this.#isItsTurn(work)) return null
    if (!work.exhausted && !(this.#rules.exclusive && work.active > 0)) {
      const { joins = false, slice } = this.#rules
      const share = this.#shareOf(work)
      const rows = joins
        ? this.#ledger.pendingSights(work.record.id, work.afterId, share, slice.bytes)
        : this.#ledger.pending(work.record.id, work.afterId, share, slice.bytes)
      const last = rows[rows.length - 1]
      if (last !== undefined) {
        work.afterId = last.id
        work.active++
        return { kind: 'move', work, rows }
      }
      work.exhausted = !work.listing
    }
    if (!work.exhausted || work.active > 0) return null
    if (work.suspects.length > 0 || work.unread.waiting.size > 0) {
      work.active++
      return { kind: 'suspects', work }
    }
    work.phase = 'finishing'
    return { kind: 'finish', work }
  }
}

function isListed(work: MailboxWork): boolean {
  return work.phase !== 'new' && work.phase !== 'preparing' && !work.listing
}
