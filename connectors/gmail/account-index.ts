import type { gmail_v1 } from '@googleapis/gmail'
import { isKind, SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import { messageIdOf } from '../../src/core/header.ts'
import type { AccountApi } from './api.ts'
import { batchGet } from './batch.ts'
import { isPlace } from './label-flags.ts'

/** What is known of one message: some 300 bytes, and never anything of its text. */
export interface MessageState {
  readonly id: string
  readonly labels: readonly string[]
  /** Milliseconds since 1970-01-01 UTC. */
  readonly internalDate: number
  /** As Gmail estimates it. */
  readonly bytes: number
  readonly messageId: string | null
  /** The history's number when the state was read. */
  readonly readAt: number
  /** The number of its last change, and of the last one that put it somewhere. */
  readonly changedAt: number
  readonly joinedAt: number
}

/** What has changed after a number of the history, and the number up to which that holds. */
export interface Changes {
  readonly changed: readonly MessageState[]
  readonly gone: readonly string[]
  readonly cursor: number
}

const PAGE = 500
const FIELDS = 'id,labelIds,internalDate,sizeEstimate,historyId,payload/headers'

/**
 * What one process knows of an account's messages, kept true by the history: listing one label after another asks the
 * server for all messages once, and from then on only for what has changed. All sessions of an account share it.
 */
export class AccountIndex {
  readonly #api: AccountApi
  readonly #states = new Map<string, MessageState>()
  readonly #gone = new Map<string, number>()
  /** Changes are known from here on; null before anything is known. */
  #base: number | null = null
  /** Changes are known up to here. */
  #current = 0
  #isWhole = false
  #tail: Promise<unknown> = Promise.resolve()

  constructor(api: AccountApi) {
    this.#api = api
  }

  /** Every message there is, chats apart. The cursor was taken before they were listed. */
  all(signal: AbortSignal): Promise<{ readonly states: Iterable<MessageState>; readonly cursor: number }> {
    return this.#inTurn(signal, async () => {
      await this.#refresh(signal)
      if (!this.#isWhole) await this.#readAll(signal)
      return { states: this.#states.values(), cursor: this.#current }
    })
  }

  /** The messages under a label. Where not all is known yet only these are asked for. */
  under(label: string, signal: AbortSignal): Promise<readonly MessageState[]> {
    return this.#inTurn(signal, async () => {
      await this.#refresh(signal)
      if (!this.#isWhole) {
        await this.#begin(signal)
        const ids = await this.#listIds(signal, label)
        await this.#read(
          ids.filter((id) => !this.#states.has(id)),
          signal,
        )
      }
      return [...this.#states.values()].filter(({ labels }) => labels.includes(label))
    })
  }

  /** What has changed after `from`; null when the history does not reach back so far. */
  since(from: number, signal: AbortSignal): Promise<Changes | null> {
    return this.#inTurn(signal, async () => {
      const isBefore = this.#base === null || from < this.#base
      if (!(await this.#walk(isBefore ? from : this.#current, signal))) {
        if (!isBefore) this.#forget()
        return null
      }
      if (isBefore) this.#base = from
      return {
        changed: [...this.#states.values()].filter(({ changedAt }) => changedAt > from),
        gone: [...this.#gone].flatMap(([id, at]) => (at > from ? [id] : [])),
        cursor: this.#current,
      }
    })
  }

  /** The messages of these that there are, as they are now. */
  of(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, MessageState>> {
    return this.#inTurn(signal, async () => {
      await this.#refresh(signal)
      await this.#begin(signal)
      const missing = ids.filter((id) => !this.#states.has(id) && !this.#gone.has(id))
      await this.#read(missing, signal)
      return new Map(ids.flatMap((id) => entryOf(id, this.#states.get(id))))
    })
  }

  /** What Gmail estimated of a message's size, where it is known; asks nothing. */
  sizeOf(id: string): number | null {
    return this.#states.get(id)?.bytes ?? null
  }

  /** The number at which the history stands now. */
  async now(signal: AbortSignal): Promise<number> {
    const { service } = this.#api
    const profile = await this.#api.call(
      'reading the profile',
      'profile',
      (options) => service.users.getProfile({ userId: 'me' }, options),
      signal,
    )
    return historyNumber(profile.historyId)
  }

  /** Brings what is known up to now; where the history has been cut short, nothing is known any more. */
  async #refresh(signal: AbortSignal): Promise<void> {
    if (this.#base !== null && !(await this.#walk(this.#current, signal))) this.#forget()
  }

  async #begin(signal: AbortSignal): Promise<void> {
    if (this.#base !== null) return
    this.#current = await this.now(signal)
    this.#base = this.#current
  }

  #forget(): void {
    this.#states.clear()
    this.#gone.clear()
    this.#base = null
    this.#isWhole = false
  }

  /** Begun again after a failure it reads only what it has not: the history tells what has changed meanwhile. */
  async #readAll(signal: AbortSignal): Promise<void> {
    await this.#begin(signal)
    const ids = await this.#listIds(signal)
    const present = new Set(ids)
    for (const id of this.#states.keys()) if (!present.has(id)) this.#drop(id, this.#current)
    await this.#read(
      ids.filter((id) => !this.#states.has(id)),
      signal,
    )
    this.#isWhole = true
  }

  async #listIds(signal: AbortSignal, label?: string): Promise<readonly string[]> {
    const { service } = this.#api
    const ids: string[] = []
    let pageToken: string | undefined
    do {
      const page: gmail_v1.Schema$ListMessagesResponse = await this.#api.call(
        'listing messages',
        'list',
        (options) =>
          service.users.messages.list(
            {
              userId: 'me',
              maxResults: PAGE,
              includeSpamTrash: true,
              q: '-in:chats',
              fields: 'messages/id,nextPageToken',
              ...(label === undefined ? {} : { labelIds: [label] }),
              ...(pageToken === undefined ? {} : { pageToken }),
            },
            options,
          ),
        signal,
      )
      for (const { id } of page.messages ?? []) if (typeof id === 'string') ids.push(id)
      pageToken = page.nextPageToken ?? undefined
    } while (pageToken !== undefined)
    return ids
  }

  /** Goes through the history from a number to its end and brings the states up to date; false when it is too old. */
  async #walk(from: number, signal: AbortSignal): Promise<boolean> {
    const { service } = this.#api
    const unknown = new Map<string, number>()
    let pageToken: string | undefined
    let end = from
    do {
      let page: gmail_v1.Schema$ListHistoryResponse
      try {
        page = await this.#api.call(
          'reading the history',
          'history',
          (options) =>
            service.users.history.list(
              {
                userId: 'me',
                startHistoryId: String(from),
                maxResults: PAGE,
                ...(pageToken === undefined ? {} : { pageToken }),
              },
              options,
            ),
          signal,
        )
      } catch (error) {
        if (
          isKind(error, 'not-found') ||
          (isKind(error, 'rejected') && /historyid/i.test(error.serverText ?? ''))
        ) {
          return false
        }
        throw error
      }
      for (const record of page.history ?? []) this.#apply(record, unknown)
      end = Math.max(end, historyNumber(page.historyId))
      pageToken = page.nextPageToken ?? undefined
    } while (pageToken !== undefined)
    await this.#read([...unknown.keys()], signal)
    for (const [id, joinedAt] of unknown) {
      const state = this.#states.get(id)
      if (state !== undefined) this.#states.set(id, { ...state, joinedAt })
    }
    this.#current = Math.max(this.#current, end)
    return true
  }

  #apply(record: gmail_v1.Schema$History, unknown: Map<string, number>): void {
    const at = historyNumber(record.id)
    for (const { message } of record.messagesAdded ?? []) {
      const id = message?.id ?? ''
      if (id !== '' && !this.#states.has(id) && !isChat(message?.labelIds)) unknown.set(id, at)
    }
    const changes = [
      ...(record.labelsAdded ?? []).map((change) => ({ ...change, isAdded: true })),
      ...(record.labelsRemoved ?? []).map((change) => ({ ...change, isAdded: false })),
    ]
    for (const { message, labelIds, isAdded } of changes) {
      const id = message?.id ?? ''
      const state = this.#states.get(id)
      const isMove = (labelIds ?? []).some(isPlace)
      if (id === '' || isChat(message?.labelIds)) continue
      if (state === undefined) unknown.set(id, isMove ? at : (unknown.get(id) ?? 0))
      else if (at > state.readAt) this.#states.set(id, changed(state, labelIds ?? [], isAdded, at, isMove))
    }
    for (const { message } of record.messagesDeleted ?? []) {
      const id = message?.id ?? ''
      unknown.delete(id)
      if (id !== '') this.#drop(id, at)
    }
  }

  #drop(id: string, at: number): void {
    this.#states.delete(id)
    this.#gone.set(id, Math.max(at, this.#gone.get(id) ?? 0))
  }

  /** Reads states, many a request. What is gone already is passed over: the history tells it too. */
  async #read(ids: readonly string[], signal: AbortSignal): Promise<void> {
    const { limits } = this.#api
    for (let start = 0; start < ids.length; start += limits.batchMessages) {
      throwIfAborted(signal)
      const part = ids.slice(start, start + limits.batchMessages)
      const paths = part.map(
        (id) =>
          `/gmail/v1/users/me/messages/${encodeURIComponent(id)}?format=metadata&metadataHeaders=Message-ID&fields=${encodeURIComponent(FIELDS)}`,
      )
      const answers = await batchGet(this.#api, 'reading labels', limits.costs.get, paths, signal)
      let trouble: SealpostError | null = null
      for (const [index, { status, body }] of answers.entries()) {
        const id = part[index] ?? ''
        if (status === 200) this.#states.set(id, stateOf(id, body as gmail_v1.Schema$Message))
        else {
          const error = this.#api.refusal(status, body, 'reading labels')
          if (error.kind !== 'not-found') trouble ??= error
        }
      }
      // What came is kept, so that whoever tries again goes on here.
      if (trouble !== null) throw trouble
    }
  }

  async #inTurn<T>(signal: AbortSignal, operation: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(async () => {
      throwIfAborted(signal)
      return operation()
    })
    this.#tail = turn.catch(() => undefined)
    return turn
  }
}

function entryOf(id: string, state: MessageState | undefined): readonly (readonly [string, MessageState])[] {
  return state === undefined ? [] : [[id, state]]
}

function changed(
  state: MessageState,
  labels: readonly string[],
  isAdded: boolean,
  at: number,
  isMove: boolean,
): MessageState {
  const others = state.labels.filter((label) => !labels.includes(label))
  return {
    ...state,
    labels: isAdded ? [...others, ...labels] : others,
    changedAt: Math.max(state.changedAt, at),
    joinedAt: isMove ? Math.max(state.joinedAt, at) : state.joinedAt,
  }
}

function stateOf(id: string, message: gmail_v1.Schema$Message): MessageState {
  const header = message.payload?.headers?.find(({ name }) => name?.toLowerCase() === 'message-id')
  const readAt = historyNumber(message.historyId)
  return {
    id,
    labels: message.labelIds ?? [],
    internalDate: Number(message.internalDate ?? 0),
    bytes: message.sizeEstimate ?? 0,
    messageId: header === undefined ? null : messageIdOf(Buffer.from(`Message-ID: ${header.value ?? ''}\r\n\r\n`)),
    readAt,
    changedAt: readAt,
    joinedAt: readAt,
  }
}

function isChat(labels: readonly string[] | null | undefined): boolean {
  return labels?.includes('CHAT') ?? false
}

/** Numbers of the history grow and are far below 2^53. */
function historyNumber(text: string | null | undefined): number {
  const number = Number(text ?? Number.NaN)
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new SealpostError('transient', 'Gmail: an answer has no number of the history', { code: 'NO_HISTORY' })
}
