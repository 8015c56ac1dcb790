import { SealpostError } from '../../src/core/errors.ts'
import { parseStatus, type Reply } from './response.ts'
import { refusalOf } from './response-codes.ts'

/** What a server says first. */
export interface Greeting {
  /** It holds us to be logged in already. */
  readonly isPreauth: boolean
  /** Its words, without a response code. */
  readonly text: string
}

/** What a server that ends the session may mean by it; anything else says no more than that it did. */
const BYE_KINDS: ReadonlySet<string> = new Set(['config', 'quota', 'throttled', 'transient'])

/** Untagged responses by which a server speaks of itself, asked or not. */
const OWN_KEYWORDS: ReadonlySet<string> = new Set(['OK', 'PREAUTH', 'BYE', 'CAPABILITY'])

/** What a server has said of itself on one connection: its greeting, its capabilities, why it ends the session. */
export class ServerFacts {
  #greeting: Greeting | null = null
  #bye: Pick<Reply, 'code' | 'text'> | null = null
  #capabilities: ReadonlySet<string> | null = null
  readonly #onGreeting: (greeting: Greeting) => void

  constructor(onGreeting: (greeting: Greeting) => void) {
    this.#onGreeting = onGreeting
  }

  /** True for keywords in capitals that `take` is to be given. */
  claims(keyword: string): boolean {
    return OWN_KEYWORDS.has(keyword)
  }

  /** Takes an untagged response: its keyword and what follows it. */
  take(keyword: string, text: string): void {
    if (keyword === 'CAPABILITY') this.#learn(text)
    const status = OWN_KEYWORDS.has(keyword) ? parseStatus(`OK ${text}`) : null
    if (status === null || keyword === 'CAPABILITY') return
    this.takeCode(status)
    if (keyword === 'BYE') this.#bye = status
    else if (this.#greeting === null) {
      this.#greeting = { isPreauth: keyword === 'PREAUTH', text: status.text }
      this.#onGreeting(this.#greeting)
    }
  }

  /** Takes the response code of a reply: many servers tell with their OK to a login what can be done from there on. */
  takeCode({ code, codeText }: Reply): void {
    if (code === 'CAPABILITY') this.#learn(codeText)
  }

  /** What was said before TLS counts for nothing. */
  forgetCapabilities(): void {
    this.#capabilities = null
  }

  /** What the server can do, as it said last, in capitals; null before it has. */
  get capabilities(): ReadonlySet<string> | null {
    return this.#capabilities
  }

  get hasGreeted(): boolean {
    return this.#greeting !== null
  }

  /** The words of the greeting; empty before it. */
  get greeting(): string {
    return this.#greeting?.text ?? ''
  }

  /** What the server gave as its reason to end the session; null where it gave none. */
  get bye(): Pick<Reply, 'code' | 'text'> | null {
    return this.#bye
  }

  /** The number behind a capability such as `APPENDLIMIT=n`, or null. */
  numberOf(capability: string): number | null {
    for (const name of this.#capabilities ?? []) {
      const digits = name.startsWith(`${capability}=`) ? name.slice(capability.length + 1) : ''
      if (/^\d{1,15}$/.test(digits)) return Number(digits)
    }
    return null
  }

  /** Why a connection is no more, in the server's words where it gave any. */
  lossOf(cause?: unknown): SealpostError {
    if (this.#bye === null) {
      return new SealpostError('transient', 'imap: the connection was lost', { code: 'LOST', cause })
    }
    const refusal = refusalOf(this.#bye, 'imap')
    const kind = BYE_KINDS.has(refusal.kind) ? refusal.kind : 'transient'
    return new SealpostError(kind, 'imap: the server ended the session', {
      code: refusal.code === 'REFUSED' ? 'BYE' : (refusal.code ?? 'BYE'),
      serverText: this.#bye.text,
      cause,
      ...(refusal.retryAfter === undefined ? {} : { retryAfter: refusal.retryAfter }),
    })
  }

  #learn(capabilities: string): void {
    this.#capabilities = new Set(capabilities.trim().toUpperCase().split(/\s+/))
  }
}
