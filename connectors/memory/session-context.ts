import { systemClock, type Clock } from '../../src/core/clock.ts'
import type { Capabilities } from '../../src/core/connector.ts'
import { SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import type { Mailbox, MailboxNaming, NewMessage } from '../../src/core/mail.ts'
import { pathKey } from '../shared/mailbox-names.ts'
import type { MemoryMailbox } from './memory-mailbox.ts'
import {
  MEMORY_CAPABILITIES,
  MEMORY_NAMING,
  type MemoryFault,
  type MemoryOp,
  type MemoryOptions,
  type MemoryStep,
} from './options.ts'
import type { MemoryAccount } from './store.ts'

/** What a step concerns, beyond its name. */
export interface StepSubject {
  readonly mailbox?: Mailbox
  readonly keys?: readonly string[]
  readonly batch?: readonly NewMessage[]
}

/** What both kinds of session stand on: the account, the facts, and whether the connection is still there. */
export class SessionContext {
  readonly end: 'source' | 'destination'
  readonly accountName: string
  readonly account: MemoryAccount
  readonly options: MemoryOptions
  readonly capabilities: Capabilities
  readonly naming: MailboxNaming
  readonly clock: Clock
  readonly #onEnd: () => void
  #alive = true

  constructor(
    end: 'source' | 'destination',
    accountName: string,
    account: MemoryAccount,
    options: MemoryOptions,
    onEnd: () => void,
  ) {
    this.end = end
    this.accountName = accountName
    this.account = account
    this.options = options
    this.capabilities = { ...MEMORY_CAPABILITIES, ...options.capabilities }
    this.naming = { ...MEMORY_NAMING, ...options.naming }
    this.clock = options.clock ?? systemClock
    this.#onEnd = onEnd
  }

  get alive(): boolean {
    return this.#alive
  }

  /** Ends the connection; twice is safe. */
  disconnect(): void {
    if (!this.#alive) return
    this.#alive = false
    this.#onEnd()
  }

  /** Tells the hook what is about to be done. Returns the fault it asks for, if `append` is to act on it. */
  async before(op: MemoryOp, subject: StepSubject, signal: AbortSignal | null): Promise<MemoryFault | null> {
    if (signal !== null) throwIfAborted(signal)
    this.#checkAlive()
    const fault = await this.#step(op, 'before', subject)
    if (fault?.fault === 'die') throw this.#die()
    if (signal !== null) throwIfAborted(signal)
    this.#checkAlive()
    return fault
  }

  /** Tells the hook what has been done; throws when the answer is to be lost on its way. */
  async after(op: MemoryOp, subject: StepSubject): Promise<void> {
    const fault = await this.#step(op, 'after', subject)
    if (fault?.fault === 'die') throw this.#die()
  }

  /** The stored mailbox that a handle names. Throws `not-found` when it has gone or holds no messages. */
  mailbox(handle: Mailbox): MemoryMailbox {
    const known = this.lookUp(handle.path)
    if (known?.selectable !== true) {
      throw new SealpostError('not-found', 'no such mailbox', { code: 'NONEXISTENT' })
    }
    return known
  }

  /** The stored mailbox that is meant by a path under the naming of this end. */
  lookUp(path: readonly string[]): MemoryMailbox | undefined {
    const wanted = pathKey(path, this.naming)
    return this.account.mailboxes.find((mailbox) => pathKey(mailbox.path, this.naming) === wanted)
  }

  async #step(op: MemoryOp, phase: MemoryStep['phase'], subject: StepSubject): Promise<MemoryFault | null> {
    try {
      const answer = await this.options.onStep?.({
        session: this.end,
        account: this.accountName,
        op,
        mailbox: subject.mailbox?.path.join('/') ?? null,
        phase,
        keys: subject.keys ?? [],
        batch: subject.batch ?? [],
      })
      return answer ?? null
    } catch (error) {
      if (!(error instanceof SealpostError)) this.disconnect()
      throw error
    }
  }

  #checkAlive(): void {
    if (!this.#alive) throw new SealpostError('transient', 'the session has ended', { code: 'ECONNRESET' })
  }

  #die(): SealpostError {
    this.disconnect()
    return new SealpostError('transient', 'the connection was lost', { code: 'ECONNRESET' })
  }
}
