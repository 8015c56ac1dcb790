import { createHash } from 'node:crypto'

/** A refusal of the API: its status, reason and words. */
export class ApiRefusal extends Error {
  readonly status: number
  readonly reason: string

  constructor(status: number, reason: string, message: string) {
    super(message)
    this.status = status
    this.reason = reason
  }
}

export interface FakeLabel {
  readonly id: string
  name: string
  readonly type: 'system' | 'user'
  labelListVisibility: string
}

export interface FakeMessage {
  readonly id: string
  readonly threadId: string
  readonly raw: Buffer
  readonly labels: Set<string>
  internalDate: number
  historyId: number
}

export interface HistoryRecord {
  readonly id: number
  readonly kind: 'messagesAdded' | 'messagesDeleted' | 'labelsAdded' | 'labelsRemoved'
  readonly messageId: string
  readonly threadId: string
  /** The labels that came or went. */
  readonly labels: readonly string[]
  /** All labels of the message after the change. */
  readonly after: readonly string[]
}

const SYSTEM = ['INBOX', 'SENT', 'DRAFT', 'SPAM', 'TRASH', 'UNREAD', 'STARRED', 'IMPORTANT', 'CHAT'].concat(
  ['PERSONAL', 'SOCIAL', 'PROMOTIONS', 'UPDATES', 'FORUMS'].map((name) => `CATEGORY_${name}`),
)
/** Names that Gmail keeps for itself, as its own import tools know them. */
const RESERVED = new Set(
  'inbox spam trash unread starred important sent draft drafts chat chats migrated todo todos buzz bin allmail archive archived muted'.split(
    ' ',
  ),
)
const MAX_LABELS = 10_000
const MAX_NAME = 225

/** One mailbox as the documents say that Gmail keeps it. */
export class FakeGmailAccount {
  readonly email: string
  readonly labels = new Map<string, FakeLabel>()
  readonly messages = new Map<string, FakeMessage>()
  readonly history: HistoryRecord[] = []
  historyId = 1000
  /** Where the history begins; what is older is a 404. */
  historyStart = 1000
  #number = 0
  /** The first message of each Message-ID. */
  readonly #byMessageId = new Map<string, string>()

  constructor(email: string) {
    this.email = email
    for (const id of SYSTEM)
      this.labels.set(id, { id, name: id, type: 'system', labelListVisibility: 'labelShow' })
  }

  createLabel(name: string, labelListVisibility = 'labelShow'): FakeLabel {
    if (name === '' || name.length > MAX_NAME || name.trim() !== name || /\p{Cc}/u.test(name)) throw invalidName()
    if (RESERVED.has((name.split('/')[0] ?? '').toLowerCase())) throw invalidName()
    if (this.labels.size - SYSTEM.length >= MAX_LABELS)
      throw new ApiRefusal(400, 'invalidArgument', 'Too many labels')
    for (const { name: other } of this.labels.values()) {
      if (other.toLowerCase() === name.toLowerCase()) {
        throw new ApiRefusal(409, 'aborted', 'Label name exists or conflicts')
      }
    }
    const label: FakeLabel = { id: `Label_${++this.#number}`, name, type: 'user', labelListVisibility }
    this.labels.set(label.id, label)
    return label
  }

  deleteLabel(id: string): void {
    this.labels.delete(id)
    for (const message of this.messages.values()) if (message.labels.has(id)) this.change(message.id, [], [id])
  }

  /** Stores a message, or adds its labels to the one that has its Message-ID already (which leaves the trash). */
  store(raw: Buffer, labels: readonly string[], dateSource: 'dateHeader' | 'receivedTime' | number): FakeMessage {
    for (const id of labels) this.#requireLabel(id)
    const messageId = headerOf(raw, 'message-id')
    const twin = messageId === null ? undefined : this.messages.get(this.#byMessageId.get(messageId) ?? '')
    if (twin !== undefined) {
      this.change(twin.id, labels, ['TRASH'])
      return twin
    }
    const date = dateSource === 'dateHeader' ? Date.parse(headerOf(raw, 'date') ?? '') : Number(dateSource)
    const id = (0x1900_0000_0000_0000n + BigInt(++this.#number)).toString(16)
    const message: FakeMessage = {
      id,
      threadId: this.#threadOf(raw) ?? id,
      raw,
      labels: new Set(labels),
      internalDate: Number.isFinite(date) ? date : Date.now(),
      historyId: this.#next(),
    }
    this.messages.set(id, message)
    if (messageId !== null) this.#byMessageId.set(messageId, id)
    this.#record('messagesAdded', message, [])
    return message
  }

  /** Adds and removes labels; what changes nothing leaves no trace. */
  change(id: string, add: readonly string[], remove: readonly string[]): FakeMessage {
    const message = this.require(id)
    const added = add.filter((label) => !message.labels.has(label))
    const removed = remove.filter((label) => message.labels.has(label))
    if (added.length > 0) {
      for (const label of added) message.labels.add(label)
      message.historyId = this.#next()
      this.#record('labelsAdded', message, added)
    }
    if (removed.length > 0) {
      for (const label of removed) message.labels.delete(label)
      message.historyId = this.#next()
      this.#record('labelsRemoved', message, removed)
    }
    return message
  }

  /** What a user of the API may change: not Sent, not Drafts. */
  modify(id: string, add: readonly string[], remove: readonly string[]): FakeMessage {
    this.require(id)
    for (const label of [...add, ...remove]) {
      this.#requireLabel(label)
      if (['SENT', 'DRAFT', 'CHAT'].includes(label)) throw invalidLabel(label)
    }
    return this.change(id, add, remove)
  }

  /** Removes a message for good. */
  delete(id: string): void {
    const message = this.require(id)
    this.messages.delete(id)
    this.#next()
    this.#record('messagesDeleted', message, [])
  }

  /** Throws what the API answers for an id that there is not. */
  require(id: string): FakeMessage {
    if (!/^[0-9a-f]{15,16}$/.test(id)) throw new ApiRefusal(400, 'invalidArgument', 'Invalid id value')
    const message = this.messages.get(id)
    if (message === undefined) throw notFound()
    return message
  }

  /** Cuts the history off: no number given out so far is good any more. */
  expireHistory(): void {
    this.#next()
    this.historyStart = this.historyId
  }

  /** The records after a number, in order. */
  since(start: number): readonly HistoryRecord[] {
    if (start < this.historyStart) throw notFound()
    return this.history.filter(({ id }) => id > start)
  }

  byName(name: string): FakeLabel | undefined {
    return [...this.labels.values()].find((label) => label.name.toLowerCase() === name.toLowerCase())
  }

  /** All that a user can see, and the counters. */
  snapshot(): string {
    const messages = [...this.messages.values()].map(
      ({ id, raw, labels, internalDate, historyId }) =>
        `${id} ${createHash('sha256').update(raw).digest('hex')} ${[...labels].sort().join(',')} ${internalDate} ${historyId}`,
    )
    const labels = [...this.labels.values()].map(
      ({ id, name, labelListVisibility }) => `${id} ${name} ${labelListVisibility}`,
    )
    return [`history ${this.historyId}`, ...labels, ...messages.sort()].join('\n')
  }

  #next(): number {
    // Numbers grow, and not by one.
    this.historyId += 7
    return this.historyId
  }

  #record(kind: HistoryRecord['kind'], message: FakeMessage, labels: readonly string[]): void {
    const { id: messageId, threadId } = message
    this.history.push({ id: this.historyId, kind, messageId, threadId, labels, after: [...message.labels] })
  }

  #requireLabel(id: string): void {
    if (!this.labels.has(id)) throw invalidLabel(id)
  }

  #threadOf(raw: Buffer): string | undefined {
    const named = `${headerOf(raw, 'references') ?? ''} ${headerOf(raw, 'in-reply-to') ?? ''}`
    const references: readonly string[] = named.match(/<[^<>]+>/g) ?? []
    const known = references.flatMap(
      (reference) => this.messages.get(this.#byMessageId.get(reference) ?? '') ?? [],
    )
    return known[0]?.threadId
  }
}

export function notFound(): ApiRefusal {
  return new ApiRefusal(404, 'notFound', 'Requested entity was not found.')
}

/** The first field of this name, unfolded. */
export function headerOf(raw: Buffer, name: string): string | null {
  const head = raw.toString('latin1').split(/\r?\n\r?\n/, 1)[0] ?? ''
  const pattern = new RegExp(`^${name}[ \\t]*:((?:.*)(?:\\r?\\n[ \\t].*)*)`, 'im')
  const value = pattern.exec(head)?.[1]
  return value === undefined ? null : value.replace(/\r?\n[ \t]*/g, ' ').trim()
}

function invalidName(): ApiRefusal {
  return new ApiRefusal(400, 'invalidArgument', 'Invalid label name')
}

function invalidLabel(id: string): ApiRefusal {
  return new ApiRefusal(400, 'invalidArgument', `Invalid label: ${id}`)
}
