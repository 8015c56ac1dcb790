import type { Capabilities, DestinationSession, Outcome } from '../../src/core/connector.ts'
import { SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import type { Candidate, FlagState, Fetched, Mailbox, NewMessage, SpecialUse } from '../../src/core/mail.ts'
import type { ArchiveBook } from '../../src/core/backups.ts'
import { announcedBytes } from '../shared/exact-body.ts'
import { canonicalPath, checkName, pathKey } from '../shared/mailbox-names.ts'
import type { ArchiveWriter } from './archive-writer.ts'
import { ARCHIVE_NAMING } from './facts.ts'

/** The inbox, which every account has. */
export const INBOX: Mailbox = {
  path: ['INBOX'],
  name: pathKey(['INBOX'], ARCHIVE_NAMING),
  specialUse: 'inbox',
  selectable: true,
  subscribed: false,
}

/** One account of an archive that is being written; it outlives its sessions, as the volumes do. */
export class ArchivedAccount {
  readonly name: string
  readonly #writer: ArchiveWriter
  readonly #book: ArchiveBook
  readonly #capabilities: Capabilities
  readonly #mailboxes = new Map<string, Mailbox>([[INBOX.name, INBOX]])
  #next: number

  constructor(name: string, writer: ArchiveWriter, book: ArchiveBook, capabilities: Capabilities) {
    this.name = name
    this.#writer = writer
    this.#book = book
    this.#capabilities = capabilities
    this.#next = book.nextNumber(name)
    for (const { mailbox, specialUse, subscribed } of book.mailboxes(name))
      this.#know(mailbox, specialUse, subscribed)
  }

  /** Writes down that the inbox is there, before anything else is. */
  async begin(): Promise<void> {
    await this.#declare(this.#require(INBOX))
  }

  /** A session for this account. Only one at a time works. */
  openSession(): DestinationSession {
    let alive = true
    const check = (signal: AbortSignal): void => {
      throwIfAborted(signal)
      if (!alive) throw new SealpostError('transient', 'the session has ended', { code: 'ECONNRESET' })
    }
    return {
      capabilities: this.#capabilities,
      naming: ARCHIVE_NAMING,
      get alive() {
        return alive
      },
      listMailboxes: (signal) => this.#list(() => check(signal)),
      fetch: (_mailbox, keys, signal) => sealed<Fetched>(keys, () => check(signal)),
      flags: (_mailbox, keys, signal) => sealed<FlagState>(keys, () => check(signal)),
      quota: async (signal) => {
        check(signal)
        return null
      },
      close: async () => {
        alive = false
      },
      ensureMailbox: async (path, specialUse, signal) => {
        check(signal)
        return this.#ensure(path, specialUse)
      },
      subscribe: async (mailbox, signal) => {
        check(signal)
        await this.#subscribe(mailbox)
      },
      position: async (mailbox, signal) => {
        check(signal)
        this.#require(mailbox)
        return { validity: this.#book.series, next: String(this.#next) }
      },
      append: async (mailbox, batch, signal) => {
        check(signal)
        return this.#append(mailbox, batch, signal)
      },
      find: (mailbox, since, signal) => this.#find(mailbox, since, () => check(signal)),
      setFlags: async (mailbox, changes, signal) => {
        check(signal)
        this.#require(mailbox)
        await this.#writer.changeFlags(
          this.name,
          changes.filter(({ key }) => this.#isOurs(key)),
        )
        return []
      },
      move: () => Promise.reject(new SealpostError('bug', 'an archive moves no messages')),
      addToMailbox: () => Promise.reject(new SealpostError('bug', 'an archive has no labels')),
    }
  }

  async *#list(check: () => void): AsyncGenerator<Mailbox> {
    check()
    yield* [...this.#mailboxes.values()].sort(byName)
  }

  async #ensure(asked: readonly string[], specialUse: SpecialUse | null): Promise<Mailbox> {
    checkName(asked, ARCHIVE_NAMING)
    const path = canonicalPath(asked, ARCHIVE_NAMING)
    const known = this.#mailboxes.get(pathKey(path, ARCHIVE_NAMING))
    const mailbox = known ?? this.#know(path, specialUse, false)
    await this.#declare(mailbox)
    return mailbox
  }

  async #subscribe(mailbox: Mailbox): Promise<void> {
    const { path, specialUse } = this.#require(mailbox)
    await this.#declare(this.#know(path, specialUse, true))
  }

  async #append(mailbox: Mailbox, batch: readonly NewMessage[], signal: AbortSignal): Promise<readonly Outcome[]> {
    const { path } = this.#require(mailbox)
    const { messages, bytes } = this.#capabilities.appendBatch
    const total = batch.reduce((sum, { body }) => sum + announcedBytes(body), 0)
    if (batch.length > messages || (batch.length > 1 && total > bytes)) {
      throw new SealpostError('bug', 'a batch is larger than this end takes')
    }
    const first = this.#next
    this.#next += batch.length
    return this.#writer.append(this.name, path, first, batch, signal)
  }

  async *#find(
    mailbox: Mailbox,
    since: { readonly validity: string; readonly next: string } | null,
    check: () => void,
  ): AsyncGenerator<Candidate> {
    check()
    const { path } = this.#require(mailbox)
    if (since !== null && since.validity !== this.#book.series) {
      throw new SealpostError('stale', 'the position is of another archive')
    }
    for (const candidate of this.#book.find(this.name, path, since === null ? 1 : Number(since.next))) {
      check()
      yield candidate
    }
  }

  #know(path: readonly string[], specialUse: SpecialUse | null, subscribed: boolean): Mailbox {
    const name = pathKey(path, ARCHIVE_NAMING)
    const use = name === INBOX.name ? 'inbox' : specialUse
    const mailbox: Mailbox = { path, name, specialUse: use, selectable: true, subscribed }
    this.#mailboxes.set(name, mailbox)
    return mailbox
  }

  #declare({ path, specialUse, subscribed }: Mailbox): Promise<void> {
    return this.#writer.declare({ account: this.name, mailbox: path, specialUse, subscribed })
  }

  #require(mailbox: Mailbox): Mailbox {
    const known = this.#mailboxes.get(pathKey(mailbox.path, ARCHIVE_NAMING))
    if (known === undefined) throw new SealpostError('not-found', 'no such mailbox', { code: 'NONEXISTENT' })
    return known
  }

  /** Keys of other archives, and what was never given, are of messages that are gone. */
  #isOurs(key: string): boolean {
    return /^[1-9]\d{0,14}$/.test(key) && Number(key) < this.#next
  }
}

function byName(a: Mailbox, b: Mailbox): number {
  return a.name < b.name ? -1 : 1
}

// eslint-disable-next-line require-yield
async function* sealed<T>(keys: readonly string[], check: () => void): AsyncGenerator<T> {
  check()
  if (keys.length === 0) return
  throw new SealpostError('locked', 'an archive that is being written is sealed to keys that are not here')
}
