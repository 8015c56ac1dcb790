/** What goes wrong with one request. */
export type HttpFault =
  /** The request is not carried out; this is its answer. */
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly body?: unknown
      readonly headers?: Readonly<Record<string, string>>
    }
  /** The connection ends before the request is carried out. */
  | { readonly kind: 'cut' }
  /** The request is carried out, and the connection ends before its answer. */
  | { readonly kind: 'lose-reply' }
  /** The connection ends after so many bytes of the body of the answer. */
  | { readonly kind: 'cut-body'; readonly after: number }
  /** The connection ends when so many bytes of the body of the request have come. */
  | { readonly kind: 'cut-request'; readonly after: number }
  /** The answer ends after so many bytes of its body as if that were all. */
  | { readonly kind: 'short-body'; readonly after: number }
  /** The answer comes so many milliseconds late. */
  | { readonly kind: 'late'; readonly milliseconds: number }

/** A fault that waits for its requests. One that is armed must fire. */
export class ArmedHttpFault {
  readonly on: RegExp
  readonly fault: HttpFault
  #times = 1
  #skip = 0
  #fired = 0

  constructor(on: RegExp, fault: HttpFault) {
    this.on = on
    this.fault = fault
  }

  times(count: number): this {
    this.#times = count
    return this
  }

  /** Lets so many fitting requests pass first. */
  after(count: number): this {
    this.#skip = count
    return this
  }

  get fired(): number {
    return this.#fired
  }

  /** True when it takes this request for its own, and then it has fired. */
  takes(request: string): boolean {
    if (this.#fired >= this.#times || !this.on.test(request)) return false
    if (this.#skip > 0) {
      this.#skip--
      return false
    }
    this.#fired++
    return true
  }

  get complaint(): string | null {
    if (this.#fired === this.#times) return null
    return `${this.fault.kind} on ${this.on}: armed for ${this.#times} times, fired ${this.#fired}`
  }
}

/** The faults of one fake server. */
export class HttpFaults {
  readonly #armed: ArmedHttpFault[] = []

  /** `on` is held against `METHOD /path?query`, or whatever the server calls its requests. */
  arm(on: RegExp, fault: HttpFault): ArmedHttpFault {
    const armed = new ArmedHttpFault(on, fault)
    this.#armed.push(armed)
    return armed
  }

  /** The fault of a request, if there is one. */
  take(request: string): HttpFault | null {
    return this.#armed.find((armed) => armed.takes(request))?.fault ?? null
  }

  /** What was armed and did not fire as often as it should have. */
  complaints(): readonly string[] {
    return this.#armed.flatMap((armed) => armed.complaint ?? [])
  }
}
