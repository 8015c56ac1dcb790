import { randomBytes } from 'node:crypto'
import { HttpFaults } from '../http-faults.ts'
import { FakeMailbox } from './mailbox.ts'

/** Which service a token is for. */
export type Audience = 'graph' | 'exchange'

/** Roles that the app may have been given consent for, as Entra names them. */
export type AppRole =
  | 'Mail.Read'
  | 'Mail.ReadWrite'
  | 'User.Read.All'
  | 'MailboxSettings.Read'
  | 'Reports.Read.All'
  | 'MailboxItem.ImportExport.All'
  | 'MailboxFolder.ReadWrite.All'
  | 'IMAP.AccessAsApp'

/** A token as the tenant gave it out. */
export interface FakeToken {
  readonly audience: Audience
  /** Milliseconds since 1970. */
  readonly expires: number
}

/** A Microsoft 365 tenant in memory, to which Graph and IMAP are two doors. */
export class FakeTenant {
  readonly id = 'contoso-tenant'
  readonly clientId = 'app-1'
  readonly clientSecret = 'a secret of the app'
  tokenSeconds = 3599
  readonly roles = new Set<AppRole>([
    'Mail.Read',
    'Mail.ReadWrite',
    'User.Read.All',
    'MailboxSettings.Read',
    'Reports.Read.All',
    'MailboxItem.ImportExport.All',
    'MailboxFolder.ReadWrite.All',
    'IMAP.AccessAsApp',
  ])
  readonly faults = new HttpFaults()
  /** Makes the text of messages anew, as Exchange does. */
  regenerates = false
  /** Leaves fields out where `$select` meets `$expand`. */
  dropsFields = false
  /** Users in a page. */
  pageUsers = 3
  /** Reports show digests in place of names. */
  hidesNames = false
  /** Items in a page of a delta unless asked otherwise. */
  pageItems = 10
  /** Requests in ten minutes a mailbox. */
  requestBudget = 10_000
  /** Milliseconds that each request takes, so that some are in flight at once. */
  latencyMs = 0
  /** Every so many requests of a mailbox one is refused as throttled; 0: none. */
  throttleEvery = 0
  retryAfterSeconds = 1
  /** Requests by `METHOD template`, the ones in batches too. */
  readonly requests = new Map<string, number>()
  /** The most that were in flight of one mailbox. */
  peak = 0
  /** Refused because a mailbox had more in flight than it stands. */
  refusedForConcurrency = 0
  throttled = 0
  /** Seconds that an import session lives. */
  importSeconds = 3600
  readonly importSessions = new Map<string, { readonly address: string; readonly until: number }>()

  readonly #mailboxes = new Map<string, FakeMailbox>()
  readonly #tokens = new Map<string, FakeToken>()
  readonly #inFlight = new Map<string, number>()
  readonly #count = new Map<string, number>()

  /** The mailbox of an address, made when there is none. */
  mailbox(address: string): FakeMailbox {
    const known = this.#mailboxes.get(address.toLowerCase())
    if (known !== undefined) return known
    const made = new FakeMailbox(address.toLowerCase())
    this.#mailboxes.set(made.address, made)
    return made
  }

  /** The mailbox of an address, an id of a user or one of Exchange, if there is one. */
  find(user: string): FakeMailbox | undefined {
    const named = this.#mailboxes.get(user.toLowerCase())
    return named ?? this.mailboxes().find(({ userId, exchangeId }) => userId === user || exchangeId === user)
  }

  mailboxes(): readonly FakeMailbox[] {
    return [...this.#mailboxes.values()]
  }

  issueToken(audience: Audience): string {
    const token = `${audience}-${randomBytes(12).toString('hex')}`
    this.#tokens.set(token, { audience, expires: Date.now() + this.tokenSeconds * 1000 })
    return token
  }

  revokeTokens(): void {
    this.#tokens.clear()
  }

  token(text: string): FakeToken | undefined {
    return this.#tokens.get(text)
  }

  /** Counts a request, and says why it is refused before it is carried out; null lets it in. */
  admit(mailbox: string): { readonly code: string; readonly message: string } | null {
    const count = (this.#count.get(mailbox) ?? 0) + 1
    this.#count.set(mailbox, count)
    const running = this.#inFlight.get(mailbox) ?? 0
    if (running >= 4) {
      this.refusedForConcurrency++
      return { code: 'ApplicationThrottled', message: 'Application is over its MailboxConcurrency limit.' }
    }
    if (count > this.requestBudget || (this.throttleEvery > 0 && count % this.throttleEvery === 0)) {
      this.throttled++
      return { code: 'TooManyRequests', message: 'The request is throttled.' }
    }
    this.#inFlight.set(mailbox, running + 1)
    this.peak = Math.max(this.peak, running + 1)
    return null
  }

  leave(mailbox: string): void {
    this.#inFlight.set(mailbox, (this.#inFlight.get(mailbox) ?? 1) - 1)
  }

  noteRequest(template: string): void {
    this.requests.set(template, (this.requests.get(template) ?? 0) + 1)
  }

  /** How many requests there were in all. */
  get requestCount(): number {
    return [...this.requests.values()].reduce((sum, count) => sum + count, 0)
  }
}
