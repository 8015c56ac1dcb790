import type { IncomingHttpHeaders } from 'node:http'
import { ApiRefusal, headerOf, notFound, type FakeGmailAccount, type FakeMessage } from './gmail-account.ts'
import type { FakeUser } from './gmail-server.ts'

/** One answer of the API. */
export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers: Readonly<Record<string, string>>
}

/** One request to it. */
export interface Call {
  readonly verb: string
  readonly url: URL
  readonly method: string
  readonly account: FakeGmailAccount | null
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly users: readonly FakeUser[]
}

/** Answers everything but uploads. Throws `ApiRefusal`. */
export function answerCall(call: Call): Answer {
  const { url, method, account } = call
  if (method === 'directory.users.list') return ok(listUsers(call))
  if (method === 'reports.userUsageReport.get') return ok(usageReport(call))
  if (account === null) throw notFound()
  const id = decodeURIComponent(url.pathname.split('/')[6] ?? '')
  switch (method) {
    case 'users.getProfile':
      return ok({
        emailAddress: account.email,
        messagesTotal: account.messages.size,
        threadsTotal: new Set([...account.messages.values()].map(({ threadId }) => threadId)).size,
        historyId: String(account.historyId),
      })
    case 'labels.list':
      return ok({ labels: [...account.labels.values()].map(labelBody) })
    case 'labels.get': {
      const label = account.labels.get(id)
      if (label === undefined) throw notFound()
      const inIt = [...account.messages.values()].filter(({ labels }) => labels.has(id))
      return ok({ ...labelBody(label), messagesTotal: inIt.length })
    }
    case 'labels.create': {
      const { name, labelListVisibility } = jsonOf(call) as { name?: string; labelListVisibility?: string }
      return ok(labelBody(account.createLabel(name ?? '', labelListVisibility)))
    }
    case 'labels.patch': {
      const label = account.labels.get(id)
      if (label === undefined || label.type === 'system') throw notFound()
      const { labelListVisibility } = jsonOf(call) as { labelListVisibility?: string }
      label.labelListVisibility = labelListVisibility ?? label.labelListVisibility
      return ok(labelBody(label))
    }
    case 'labels.delete': {
      if (account.labels.get(id)?.type !== 'user') throw notFound()
      account.deleteLabel(id)
      return { status: 204, body: null, headers: {} }
    }
    case 'messages.list':
      return ok(listMessages(call, account))
    case 'messages.get':
      return ok(messageBody(account.require(id), url.searchParams.get('format') ?? 'full'))
    case 'messages.modify': {
      const { addLabelIds = [], removeLabelIds = [] } = jsonOf(call) as Record<string, string[] | undefined>
      return ok(messageBody(account.modify(id, addLabelIds, removeLabelIds), 'minimal'))
    }
    case 'messages.batchModify': {
      const {
        ids = [],
        addLabelIds = [],
        removeLabelIds = [],
      } = jsonOf(call) as Record<string, string[] | undefined>
      if (ids.length > 1000) throw new ApiRefusal(400, 'invalidArgument', 'Too many ids')
      for (const each of ids) if (account.messages.has(each)) account.modify(each, addLabelIds, removeLabelIds)
      return { status: 204, body: null, headers: {} }
    }
    case 'history.list':
      return ok(listHistory(call, account))
    default:
      throw notFound()
  }
}

/** The JSON of a request. Throws what the API answers for none. */
export function jsonOf(call: Call): unknown {
  try {
    return JSON.parse(call.body.toString('utf8'))
  } catch {
    throw new ApiRefusal(400, 'parseError', 'Parse Error')
  }
}

/** A message as the API writes it. */
export function messageBody(message: FakeMessage, format: string): unknown {
  const { id, threadId, raw, labels, internalDate, historyId } = message
  const common = {
    id,
    threadId,
    labelIds: [...labels],
    snippet: 'Words of \\"raw\\": "the message"',
    historyId: String(historyId),
    internalDate: String(internalDate),
    // An estimate, as its name says.
    sizeEstimate: raw.length + 3,
  }
  if (format === 'raw') return { ...common, raw: raw.toString('base64url') }
  if (format === 'metadata' || format === 'full') {
    const value = headerOf(raw, 'message-id')
    return { ...common, payload: { headers: value === null ? [] : [{ name: 'Message-Id', value }] } }
  }
  return common
}

export function ok(body: unknown): Answer {
  return { status: 200, body, headers: {} }
}

function labelBody(label: {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly labelListVisibility: string
}) {
  const { id, name, type, labelListVisibility } = label
  return type === 'system'
    ? { id, name, type }
    : { id, name, type, labelListVisibility, messageListVisibility: 'show' }
}

function listMessages({ url }: Call, account: FakeGmailAccount): unknown {
  const wanted = url.searchParams.getAll('labelIds')
  const hasHidden = url.searchParams.get('includeSpamTrash') === 'true'
  const query = url.searchParams.get('q') ?? ''
  const messageId = /rfc822msgid:(\S+)/.exec(query)?.[1]
  const found = [...account.messages.values()]
    .filter(({ labels }) => wanted.every((label) => labels.has(label)))
    .filter(({ labels }) => hasHidden || !(labels.has('SPAM') || labels.has('TRASH')))
    .filter(({ labels }) => !query.includes('-in:chats') || !labels.has('CHAT'))
    .filter(({ raw }) => messageId === undefined || headerOf(raw, 'message-id')?.includes(messageId) === true)
    .sort((a, b) => b.internalDate - a.internalDate || (a.id < b.id ? 1 : -1))
  const { part, next } = pageOf(found, url, 100, 500)
  if (part.length === 0) return { resultSizeEstimate: 0 }
  return {
    messages: part.map(({ id, threadId }) => ({ id, threadId })),
    resultSizeEstimate: found.length + 1,
    ...(next === null ? {} : { nextPageToken: next }),
  }
}

function listHistory({ url }: Call, account: FakeGmailAccount): unknown {
  const start = Number(url.searchParams.get('startHistoryId') ?? Number.NaN)
  if (!Number.isSafeInteger(start)) throw new ApiRefusal(400, 'invalidArgument', 'Invalid startHistoryId')
  const types = url.searchParams.getAll('historyTypes')
  const label = url.searchParams.get('labelId')
  const named = {
    messagesAdded: 'messageAdded',
    messagesDeleted: 'messageDeleted',
    labelsAdded: 'labelAdded',
    labelsRemoved: 'labelRemoved',
  }
  const records = account
    .since(start)
    .filter(({ kind }) => types.length === 0 || types.includes(named[kind]))
    .filter(({ after }) => label === null || after.includes(label))
  const { part, next } = pageOf(records, url, 100, 500)
  const history = part.map(({ id, kind, messageId, threadId, labels, after }) => {
    const message = { id: messageId, threadId, labelIds: after }
    const change = kind === 'labelsAdded' || kind === 'labelsRemoved' ? { message, labelIds: labels } : { message }
    return { id: String(id), messages: [{ id: messageId, threadId }], [kind]: [change] }
  })
  return {
    ...(history.length === 0 ? {} : { history }),
    historyId: String(account.historyId),
    ...(next === null ? {} : { nextPageToken: next }),
  }
}

function listUsers({ url, users }: Call): unknown {
  const domain = url.searchParams.get('domain')
  if (domain === null && url.searchParams.get('customer') === null) {
    throw new ApiRefusal(400, 'badRequest', 'Bad Request')
  }
  const found = users
    .filter(({ primaryEmail }) => domain === null || primaryEmail.endsWith(`@${domain}`))
    .sort((a, b) => (a.primaryEmail < b.primaryEmail ? -1 : 1))
  const { part, next } = pageOf(found, url, 100, 500)
  return { kind: 'admin#directory#users', users: part, ...(next === null ? {} : { nextPageToken: next }) }
}

/** One day's report, three days late. */
function usageReport({ url, users }: Call): unknown {
  const date = url.pathname.split('/').at(-1) ?? ''
  const newest = new Date(Date.now() - 3 * 86_400_000).toISOString().slice(0, 10)
  if (date > newest) {
    const says = `Data for dates later than ${newest} is not yet available. Please check back later`
    throw new ApiRefusal(400, 'invalid', says)
  }
  const { part, next } = pageOf(users, url, 1000, 1000)
  const name = url.searchParams.get('parameters')
  const usageReports = part.map(({ primaryEmail, megabytes = 0 }) => ({
    kind: 'admin#reports#usageReport',
    date,
    entity: { type: 'USER', customerId: 'C0', userEmail: primaryEmail },
    parameters: name === 'accounts:gmail_used_quota_in_mb' ? [{ name, intValue: String(megabytes) }] : [],
  }))
  return { kind: 'admin#reports#usageReports', usageReports, ...(next === null ? {} : { nextPageToken: next }) }
}

function pageOf<T>(
  items: readonly T[],
  url: URL,
  usual: number,
  most: number,
): { readonly part: readonly T[]; readonly next: string | null } {
  const size = Math.min(most, Number(url.searchParams.get('maxResults') ?? usual))
  const start = Number(url.searchParams.get('pageToken') ?? 0)
  const next = start + size < items.length ? String(start + size) : null
  return { part: items.slice(start, start + size), next }
}
