import { isTriggered, type Fault, type Poison } from './faults.ts'

/** A command as the proxy saw it. Literals are left out of its text, and secrets of logins. */
export interface SeenCommand {
  readonly connection: number
  /** Who logged in on the connection, once that is known. */
  readonly account: string | null
  readonly tag: string
  /** In capitals; `UID FETCH` for those with UID. `CONNECT` for a connection itself. */
  readonly name: string
  readonly text: string
  /** Sizes of its literals as announced. */
  readonly literals: readonly number[]
  /** How the server answered, or null when no answer came by. */
  readonly reply: 'OK' | 'NO' | 'BAD' | null
  /** Milliseconds of the machine's monotonic clock. */
  readonly at: number
}

/** A fault that waits for its commands. One that does not come to pass as often as it was armed fails the test. */
export class Armed {
  readonly fault: Fault
  #times = 1
  #skip = 0
  #account: string | null = null
  #claimed = 0
  #fired = 0
  #firedAt = 0

  constructor(fault: Fault) {
    this.fault = fault
  }

  /** How often it is to happen; once unless said otherwise. */
  times(n: number): this {
    this.#times = n
    return this
  }

  /** Lets so many fitting commands pass first. */
  after(n: number): this {
    this.#skip = n
    return this
  }

  /** Happens at every fitting command, at least once. */
  always(): this {
    this.#times = Infinity
    return this
  }

  /** Only commands of this account. */
  forAccount(account: string): this {
    this.#account = account
    return this
  }

  /** It waits for the commands of one account. */
  get isNamed(): boolean {
    return this.#account !== null
  }

  /** How often it has happened. */
  get fired(): number {
    return this.#fired
  }

  /** It stops waiting; what has happened so far is enough. */
  disarm(): void {
    this.#times = this.#fired
  }

  /** True when the fault takes this command for its own. */
  claims(command: SeenCommand): boolean {
    if (this.#claimed >= this.#times || !isTriggered(this.fault.on, command)) return false
    if (this.#account !== null && command.account !== this.#account) return false
    if (this.#skip > 0) {
      this.#skip--
      return false
    }
    this.#claimed++
    return true
  }

  /** It has come to pass. */
  fire(): void {
    this.#fired++
    this.#firedAt = performance.now()
  }

  /** When it happened last, in milliseconds of the machine's monotonic clock. */
  get firedAt(): number {
    return this.#firedAt
  }

  /** What is wrong with how often it happened, or null. */
  get complaint(): string | null {
    const wanted = this.#times === Infinity ? 'at least once' : `${this.#times} times`
    const isEnough = this.#times === Infinity ? this.#fired > 0 : this.#fired === this.#times
    return isEnough ? null : `${describe(this.fault)}: armed for ${wanted}, fired ${this.#fired} times`
  }
}

/** Bytes that kill every connection on which they pass in a literal. */
export class ArmedPoison {
  readonly poison: Poison
  readonly #marker: Buffer
  #active = true
  #fired = 0

  constructor(poison: Poison) {
    this.poison = poison
    this.#marker = Buffer.from(poison.marker, 'latin1')
  }

  /** How many connections have died of it. */
  get fired(): number {
    return this.#fired
  }

  /** The server is mended. */
  mend(): void {
    this.#active = false
  }

  /** True when the marker ends within `bytes`; `before` is what of the same literal came last. */
  isIn(before: string, bytes: Buffer): boolean {
    if (!this.#active) return false
    const seam = before.slice(1 - this.#marker.length)
    return Buffer.concat([Buffer.from(seam, 'latin1'), bytes]).includes(this.#marker)
  }

  fire(): void {
    this.#fired++
  }

  get complaint(): string | null {
    return this.#fired > 0 ? null : `the poison ${JSON.stringify(this.poison.marker)} never passed`
  }
}

function describe(fault: Fault): string {
  const at = 'at' in fault ? ` at ${JSON.stringify(fault.at)}` : ''
  return `${fault.kind} on ${String(fault.on)}${at}`
}
