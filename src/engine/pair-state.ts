import type { SealpostError } from '../core/errors.ts'
import type { EngineContext } from './settings.ts'
import { backoffDelay } from '../core/retry.ts'
import { LaneAllowance } from './lane-allowance.ts'

/** Connections that die one after the other, with nothing stored between, before the pair gives up. */
const MAX_DEATHS_IN_A_ROW = 12

/** What the lanes of a pair know together. */
export class PairState {
  readonly pairId: number
  readonly lanes: LaneAllowance
  readonly #context: EngineContext
  #deathsInARow = 0
  #landed = 0
  #ready = 0
  /** The mailbox that was left last since a server failed over it, and what had gone well by then. */
  #left: { readonly mailbox: number; readonly isReady: boolean; readonly wentWell: number } | null = null
  #pausedUntil = 0

  constructor(context: EngineContext, pairId: number, lanes: { readonly first: number; readonly most: number }) {
    this.#context = context
    this.pairId = pairId
    this.lanes = new LaneAllowance(lanes.first, lanes.most, context.clock, (allowed) =>
      context.events({ event: 'lanes-changed', pair: pairId, allowed, most: lanes.most }),
    )
  }

  /** Something was stored: the server works. */
  noteLanded(messages: number): void {
    if (messages > 0) this.#deathsInARow = 0
    this.#landed += messages
  }

  /** A mailbox is ready at both ends. */
  noteReady(): void {
    this.#ready++
  }

  /** How often something went well that a mailbox needs before (`isReady` false) or after it is ready. */
  wentWell(isReady: boolean): number {
    return isReady ? this.#landed : this.#landed + this.#ready
  }

  /**
   * A server fails each time over a mailbox, before (`isReady` false) or after it was ready. Throws `error` where it failed
   * over another one before and nothing of that kind went well in between, nor since this one was begun (`wentWell` was `before`
   * then): then it is not the mailbox.
   */
  noteFailing(mailbox: number, isReady: boolean, before: number, error: SealpostError): void {
    const left = this.#left
    const isSecond = left !== null && left.mailbox !== mailbox && this.wentWell(left.isReady) === left.wentWell
    const wentWell = this.wentWell(isReady)
    if (isSecond && wentWell === before) throw error
    this.#left = { mailbox, isReady, wentWell }
  }

  /** What all lanes have landed so far. */
  get landed(): number {
    return this.#landed
  }

  /** A connection died over a message. Waits longer each time; throws `error` when it has happened too often. */
  async noteDeath(error: SealpostError, signal: AbortSignal): Promise<void> {
    this.#deathsInARow++
    if (this.#deathsInARow >= MAX_DEATHS_IN_A_ROW) throw error
    if (this.#deathsInARow > 2) await this.pause('transient', backoffDelay(this.#deathsInARow - 2), signal)
  }

  /** Keeps all lanes of the pair from beginning anything for so many milliseconds, and waits as long. */
  async pause(reason: string, milliseconds: number, signal: AbortSignal): Promise<void> {
    const { clock, events } = this.#context
    if (reason === 'throttled') this.lanes.noteThrottled()
    this.#pausedUntil = Math.max(this.#pausedUntil, clock.monotonic() + milliseconds)
    events({ event: 'waiting', pair: this.pairId, reason, milliseconds })
    await this.whenNotPaused(signal)
  }

  /** Resolves when no pause is on. */
  async whenNotPaused(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context
    for (
      let left = this.#pausedUntil - clock.monotonic();
      left > 0;
      left = this.#pausedUntil - clock.monotonic()
    ) {
      await clock.sleep(left, signal)
    }
  }
}
