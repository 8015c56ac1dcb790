import { createHash } from 'node:crypto'
import type { Connector, Page, SourceSession } from '../../src/core/connector.ts'
import { SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import {
  normalizeFlags,
  type Body,
  type Fetched,
  type FlagState,
  type Listed,
  type Mailbox,
} from '../../src/core/mail.ts'
import { mailboxKey, type AccountIndex, type PartPlace, type PartShare } from './archive-index.ts'
import { parseLines } from './check-volume.ts'
import { INBOX } from './destination-session.ts'
import { ARCHIVE_NAMING, LARGE_MESSAGE_BYTES, SOURCE_CAPABILITIES } from './facts.ts'
import { flagsOf, type MessageLine } from './manifest.ts'
import { readFromMbox } from './mbox-form.ts'
import type { OpenArchive } from './open-archive.ts'

/** How an archive is read. */
export interface ArchiveSourceOptions {
  /** Opened, and without problems. */
  readonly archive: OpenArchive
  readonly largeMessageBytes?: number
  /** Only what this lets in is listed; the rest of the archive is not touched. */
  readonly only?: (message: MessageLine) => boolean
}

/** Parts that are kept for the next question about them: messages are asked for in order. */
const CACHED_PARTS = 2
const PAGE_MESSAGES = 500

/** An archive as a source. It was read whole before, so that nothing begins that could not be ended. */
export function createArchiveSource(options: ArchiveSourceOptions): Connector {
  return {
    openSource: async (account, signal) => {
      throwIfAborted(signal)
      return new AccountReader(account, options).session()
    },
    openDestination: () =>
      Promise.reject(new SealpostError('config', 'an archive that is read cannot be written')),
  }
}

/** A message of a part, and where its bytes begin. */
interface Placed {
  readonly line: MessageLine
  readonly file: number
  readonly offset: number
}

class AccountReader {
  readonly #options: ArchiveSourceOptions
  readonly #account: string
  readonly #index: AccountIndex
  readonly #cache = new Map<PartPlace, readonly Placed[]>()
  #alive = true

  constructor(account: string, options: ArchiveSourceOptions) {
    this.#account = account
    this.#options = options
    this.#index = options.archive.index.account(account)
  }

  session(): SourceSession {
    const isAlive = (): boolean => this.#alive
    return {
      capabilities: SOURCE_CAPABILITIES,
      naming: ARCHIVE_NAMING,
      get alive() {
        return isAlive()
      },
      listMailboxes: (signal) => this.#listMailboxes(signal),
      listMessages: (mailbox, since, signal) => this.#listMessages(mailbox, since, signal),
      fetch: (mailbox, keys, signal) => this.#fetch(mailbox, keys, signal),
      flags: (mailbox, keys, signal) => this.#flags(mailbox, keys, signal),
      quota: async (signal) => {
        this.#check(signal)
        return null
      },
      close: async () => {
        this.#alive = false
        this.#cache.clear()
      },
    }
  }

  async *#listMailboxes(signal: AbortSignal): AsyncGenerator<Mailbox> {
    this.#check(signal)
    const mailboxes = new Map([[INBOX.name, INBOX]])
    for (const [name, { mailbox, specialUse, subscribed }] of this.#index.mailboxes) {
      const use = name === INBOX.name ? 'inbox' : specialUse
      mailboxes.set(name, { path: mailbox, name, specialUse: use, selectable: true, subscribed })
    }
    yield* [...mailboxes.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async *#listMessages(mailbox: Mailbox, since: string | null, signal: AbortSignal): AsyncGenerator<Page> {
    this.#check(signal)
    this.#require(mailbox)
    const cursor = this.#cursor()
    if (since !== null && !since.startsWith(`${this.#options.archive.series}:`)) {
      yield { kind: 'stale' }
      return
    }
    if (since === cursor) {
      yield { kind: 'end', cursor, complete: false }
      return
    }
    for await (const placed of this.#inMailbox(mailbox, signal)) {
      const messages = placed.map(({ line }) => this.#asListed(line))
      for (let at = 0; at < messages.length; at += PAGE_MESSAGES) {
        this.#check(signal)
        yield { kind: 'messages', messages: messages.slice(at, at + PAGE_MESSAGES) }
      }
    }
    this.#check(signal)
    yield { kind: 'end', cursor, complete: true }
  }

  async *#fetch(mailbox: Mailbox, keys: readonly string[], signal: AbortSignal): AsyncGenerator<Fetched> {
    this.#check(signal)
    for (const key of keys) {
      this.#check(signal)
      const placed = await this.#find(mailbox, key)
      if (placed === null) yield { kind: 'gone', key }
      else if (placed.line.size > (this.#options.largeMessageBytes ?? LARGE_MESSAGE_BYTES)) {
        yield { kind: 'large', key, body: this.#bodyOf(placed) }
      } else {
        const pieces: Uint8Array[] = []
        for await (const piece of this.#bodyOf(placed).open()) pieces.push(piece)
        yield { kind: 'whole', key, body: Buffer.concat(pieces) }
      }
    }
  }

  async *#flags(mailbox: Mailbox, keys: readonly string[], signal: AbortSignal): AsyncGenerator<FlagState> {
    this.#check(signal)
    for (const key of keys) {
      const placed = await this.#find(mailbox, key)
      if (placed !== null) yield { key, flags: this.#flagsNow(placed.line) }
    }
  }

  /** The messages of a mailbox, part by part. */
  async *#inMailbox(mailbox: Mailbox, signal: AbortSignal): AsyncGenerator<readonly Placed[]> {
    const name = mailboxKey(mailbox.path)
    for (const { part } of this.#index.parts.get(name) ?? []) {
      this.#check(signal)
      yield (await this.#read(part)).filter(({ line }) => this.#isShown(line, name))
    }
  }

  async #find(mailbox: Mailbox, key: string): Promise<Placed | null> {
    this.#require(mailbox)
    if (!/^[1-9]\d{0,14}$/.test(key)) return null
    const number = Number(key)
    const part = partOf(this.#index.parts.get(mailboxKey(mailbox.path)) ?? [], number)
    if (part === null) return null
    const placed = (await this.#read(part)).find(({ line }) => line.number === number)
    return placed !== undefined && this.#isShown(placed.line, mailboxKey(mailbox.path)) ? placed : null
  }

  #isShown(line: MessageLine, mailbox: string): boolean {
    return mailboxKey(line.mailbox) === mailbox && (this.#options.only?.(line) ?? true)
  }

  /** The messages of this account that a part lists. */
  async #read(part: PartPlace): Promise<readonly Placed[]> {
    const known = this.#cache.get(part)
    if (known !== undefined) return known
    const pieces: Uint8Array[] = []
    for await (const piece of this.#options.archive.bytesOf(part.file).read(part.from, part.to)) pieces.push(piece)
    const messages = parseLines(Buffer.concat(pieces).toString('utf8')).filter((line) => line.kind === 'message')
    const placed = messages
      .map((line, at): Placed => ({ line, file: part.file, offset: part.offsets[at] ?? 0 }))
      .filter(({ line }) => line.account === this.#account)
    this.#cache.set(part, placed)
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= CACHED_PARTS) break
      this.#cache.delete(oldest)
    }
    return placed
  }

  #bodyOf({ line, file, offset }: Placed): Body {
    const { archive } = this.#options
    const check = (): void => {
      if (!this.#alive) throw new SealpostError('transient', 'the session has ended', { code: 'ECONNRESET' })
    }
    return {
      bytes: line.size,
      async *open() {
        const digest = createHash('sha256')
        const { size, mbox } = line
        const stored = archive.bytesOf(file).read(offset, offset + (mbox?.bytes ?? size))
        for await (const piece of mbox === undefined ? stored : readFromMbox(stored, mbox, size)) {
          check()
          digest.update(piece)
          yield piece
        }
        if (digest.digest('hex') !== line.sha256) {
          throw new SealpostError('corrupt', 'a message of the archive was changed since it was opened')
        }
      },
    }
  }

  #asListed(line: MessageLine): Listed {
    return {
      key: String(line.number),
      bytes: line.size,
      internalDate: Date.parse(line.internalDate),
      flags: this.#flagsNow(line),
    }
  }

  #flagsNow(line: MessageLine): readonly string[] {
    let flags = flagsOf(line)
    for (const { add, remove } of this.#index.changes.get(line.number) ?? []) {
      const removed = new Set(remove.map((flag) => flag.toLowerCase()))
      flags = normalizeFlags([...flags.filter((flag) => !removed.has(flag.toLowerCase())), ...add])
    }
    return flags
  }

  /** Says which volumes were listed: with a later one the listing is made anew, over the same keys. */
  #cursor(): string {
    const { series, volumes } = this.#options.archive
    const digest = createHash('sha256')
    for (const { plainSha256 } of volumes) digest.update(plainSha256)
    return `${series}:${digest.digest('hex').slice(0, 16)}`
  }

  #require(mailbox: Mailbox): void {
    const name = mailboxKey(mailbox.path)
    if (name === INBOX.name || this.#index.mailboxes.has(name)) return
    throw new SealpostError('not-found', 'no such mailbox', { code: 'NONEXISTENT' })
  }

  #check(signal: AbortSignal): void {
    throwIfAborted(signal)
    if (!this.#alive) throw new SealpostError('transient', 'the session has ended', { code: 'ECONNRESET' })
  }
}

/** The part in which a number lies, found by halving. */
function partOf(shares: readonly PartShare[], number: number): PartPlace | null {
  let low = 0
  let high = shares.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const share = shares[middle]
    if (share === undefined) return null
    if (number < share.first) high = middle - 1
    else if (number > share.last) low = middle + 1
    else return share.part
  }
  return null
}
