import { createHash } from 'node:crypto'
import { SealpostError } from '../../src/core/errors.ts'
import type { SpecialUse } from '../../src/core/mail.ts'
import { MemoryMailbox, uidOf, type MemoryMail, type MemoryMessage } from './memory-mailbox.ts'

/** Contents for comparing: for each mailbox its messages as `digest date flags`, sorted, twins standing twice. */
export type MemorySnapshot = Readonly<Record<string, readonly string[]>>

/** One account. Its methods are the hands of a test or of a user with another mail program. */
export class MemoryAccount {
  readonly mailboxes: MemoryMailbox[] = []
  /** Bytes that the account may hold, or null for no limit. */
  limitBytes: number | null = null
  #nextValidity = 1

  constructor() {
    this.create(['INBOX'], 'inbox').subscribed = true
  }

  /** Adds a mailbox; the one that stands at exactly this path is returned instead. */
  create(path: readonly string[], specialUse: SpecialUse | null = null, selectable = true): MemoryMailbox {
    const known = this.lookUp(path)
    if (known !== undefined) return known
    const mailbox = new MemoryMailbox([...path], 1_700_000_000 + this.#nextValidity++, specialUse, selectable)
    this.mailboxes.push(mailbox)
    return mailbox
  }

  /** The mailbox at exactly this path. Throws `not-found`. */
  mailbox(path: readonly string[]): MemoryMailbox {
    const known = this.lookUp(path)
    if (known === undefined) throw new SealpostError('not-found', 'no such mailbox', { code: 'NONEXISTENT' })
    return known
  }

  /** The mailbox at exactly this path, or undefined. */
  lookUp(path: readonly string[]): MemoryMailbox | undefined {
    const wanted = path.join('\0')
    return this.mailboxes.find((mailbox) => mailbox.path.join('\0') === wanted)
  }

  /** Delivers mail, creating the mailbox when need be; returns its key. */
  add(path: readonly string[], bytes: Uint8Array | string, mail: Partial<Omit<MemoryMail, 'bytes'>> = {}): string {
    const whole = typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes
    const stored = this.create(path).add({ internalDate: 1_600_000_000_000, flags: [], ...mail, bytes: whole })
    return String(stored.uid)
  }

  /** Removes messages for good; keys that name none are passed over. */
  expunge(path: readonly string[], ...keys: readonly string[]): void {
    for (const key of keys) this.mailbox(path).expunge(uidOf(key) ?? 0)
  }

  /** Replaces all flags of one message. */
  setFlags(path: readonly string[], key: string, flags: readonly string[]): void {
    this.mailbox(path).setFlags(uidOf(key) ?? 0, flags)
  }

  /** Moves one message and returns its new key. Throws `not-found`. */
  move(from: readonly string[], key: string, to: readonly string[]): string {
    const moved = this.mailbox(from).expunge(uidOf(key) ?? 0)
    if (moved === undefined) throw new SealpostError('not-found', 'no such message')
    return String(this.create(to).add(moved).uid)
  }

  /** New UIDVALIDITY, new UIDs, same mail. */
  resetUidValidity(path: readonly string[]): void {
    this.mailbox(path).renumber()
  }

  /** Makes every cursor handed out so far stale, as a history that was cut short does. */
  forgetHistory(path: readonly string[]): void {
    const mailbox = this.mailbox(path)
    mailbox.oldestModseq = ++mailbox.modseq
  }

  /** Takes a mailbox away with its mail. */
  remove(path: readonly string[]): void {
    this.mailboxes.splice(this.mailboxes.indexOf(this.mailbox(path)), 1)
  }

  /** The messages of a mailbox in order of UID. */
  messages(path: readonly string[]): readonly MemoryMessage[] {
    return [...this.mailbox(path).messages.values()].sort((a, b) => a.uid - b.uid)
  }

  /** Bytes stored. */
  usedBytes(): number {
    let used = 0
    for (const mailbox of this.mailboxes)
      for (const message of mailbox.messages.values()) used += message.bytes.length
    return used
  }

  /** The contents as sorted multisets, without UIDs. Parts named in `without` are left out. */
  snapshot(without: readonly ('date' | 'flags')[] = []): MemorySnapshot {
    return Object.fromEntries(
      this.mailboxes
        .map((mailbox) => [mailbox.path.join('/'), linesOf(mailbox, without)] as const)
        .sort((a, b) => (a[0] < b[0] ? -1 : 1)),
    )
  }

  /** Everything there is, counters too: equal before and after exactly when nothing was changed at all. */
  state(): string {
    return JSON.stringify(
      this.mailboxes.map((mailbox) => ({
        ...mailbox.describe(),
        counters: [mailbox.uidValidity, mailbox.uidNext, mailbox.modseq],
        messages: [...mailbox.messages.values()].map((message) => ({
          ...message,
          bytes: digestOf(message.bytes),
        })),
      })),
    )
  }
}

/** Accounts by name. */
export class MemoryStore {
  readonly accounts = new Map<string, MemoryAccount>()

  /** Finds or adds the account; a new one has an empty inbox. */
  account(name: string): MemoryAccount {
    const known = this.accounts.get(name)
    if (known !== undefined) return known
    const added = new MemoryAccount()
    this.accounts.set(name, added)
    return added
  }
}

/** An empty store. */
export function createMemoryStore(): MemoryStore {
  return new MemoryStore()
}

function linesOf(mailbox: MemoryMailbox, without: readonly ('date' | 'flags')[]): readonly string[] {
  const lines = [...mailbox.messages.values()].map((message) => {
    const parts = [digestOf(message.bytes)]
    if (!without.includes('date')) parts.push(String(message.internalDate))
    if (!without.includes('flags')) parts.push(`(${message.flags.join(' ')})`)
    return parts.join(' ')
  })
  return lines.sort()
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
