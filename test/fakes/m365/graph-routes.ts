import { randomBytes } from 'node:crypto'
import { describeFolder, describeItem, queryOf } from './graph-items.ts'
import type { FakeFolder, FakeItem, FakeMailbox } from './mailbox.ts'
import { renderMime } from './render.ts'
import type { AppRole, FakeTenant } from './tenant.ts'

/** A request as a route sees it. */
export interface RouteRequest {
  readonly tenant: FakeTenant
  readonly origin: string
  readonly url: URL
  readonly query: ReadonlyMap<string, string>
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  readonly json: () => Record<string, unknown>
  /** Decoded parts of the path where the template has a name. */
  readonly at: Readonly<Record<string, string>>
}

/** What a route answers with. */
export interface RouteAnswer {
  readonly status: number
  readonly body?: unknown
  readonly bytes?: Buffer
  readonly headers?: Readonly<Record<string, string>>
}

/** One route: a template such as `GET /users/{user}/mailFolders`. */
export interface Route {
  readonly template: string
  /** One of these roles is needed. */
  readonly roles: readonly AppRole[]
  readonly run: (request: RouteRequest) => RouteAnswer
}

/** An error as Graph words it. */
export function refusal(
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): RouteAnswer {
  const innerError = { date: '2026-11-26T04:00:00', 'request-id': randomBytes(8).toString('hex') }
  return { status, body: { error: { code, message, innerError } }, headers }
}

const READ: readonly AppRole[] = ['Mail.Read', 'Mail.ReadWrite']

/** The mailbox that a path names, or the refusal of one that cannot be opened. */
export function mailboxOf(request: RouteRequest): FakeMailbox | RouteAnswer {
  const mailbox = request.tenant.find(request.at['user'] ?? '')
  if (mailbox === undefined) {
    return refusal(404, 'Request_ResourceNotFound', `Resource '${request.at['user'] ?? ''}' does not exist.`)
  }
  if (!mailbox.licensed) {
    const message = 'The mailbox is either inactive, soft-deleted, or is hosted on-premise.'
    return refusal(404, 'MailboxNotEnabledForRESTAPI', message)
  }
  if (!mailbox.inScope)
    return refusal(403, 'ErrorAccessDenied', 'Access is denied. Check credentials and try again.')
  return mailbox
}

/** The item that a path names by either of its ids. */
export function itemOf(mailbox: FakeMailbox, id: string): FakeItem | undefined {
  return mailbox.items.get(id) ?? [...mailbox.items.values()].find(({ restId }) => restId === id)
}

function withMailbox(run: (mailbox: FakeMailbox, request: RouteRequest) => RouteAnswer) {
  return (request: RouteRequest): RouteAnswer => {
    const mailbox = mailboxOf(request)
    return 'status' in mailbox ? mailbox : run(mailbox, request)
  }
}

function withFolder(run: (mailbox: FakeMailbox, folder: FakeFolder, request: RouteRequest) => RouteAnswer) {
  return withMailbox((mailbox, request) => {
    const folder = mailbox.folder(request.at['folder'] ?? '')
    return folder === undefined
      ? refusal(404, 'ErrorItemNotFound', 'The specified object was not found in the store.')
      : run(mailbox, folder, request)
  })
}

function withItem(run: (mailbox: FakeMailbox, item: FakeItem, request: RouteRequest) => RouteAnswer) {
  return withMailbox((mailbox, request) => {
    const item = itemOf(mailbox, request.at['message'] ?? '')
    return item === undefined
      ? refusal(404, 'ErrorItemNotFound', 'The specified object was not found in the store.')
      : run(mailbox, item, request)
  })
}

export { withFolder, withItem, withMailbox }

function immutable(request: RouteRequest): boolean {
  return /IdType="ImmutableId"/.test(request.headers['prefer'] ?? '')
}

/** A message as this request wants it shown. */
export function shown(item: FakeItem, request: RouteRequest): object {
  const dropsFields = request.tenant.dropsFields && request.url.pathname.endsWith('/delta')
  return describeItem(item, request.query, { immutable: immutable(request), dropsFields })
}

function listFolders(mailbox: FakeMailbox, parent: FakeFolder, request: RouteRequest): RouteAnswer {
  const { query, url, origin } = request
  const hidden = query.get('includeHiddenFolders') === 'true'
  const isMail = (folder: FakeFolder): boolean => !/^IPF\.(Appointment|Contact)/.test(folder.containerClass)
  const all = mailbox.childrenOf(parent).filter((folder) => isMail(folder) && (hidden || !folder.isHidden))
  const top = Number(query.get('$top') ?? 10)
  const skip = Number(query.get('$skip') ?? 0)
  const value = all.slice(skip, skip + top).map((folder) => describeFolder(mailbox, folder, query))
  const next = new URL(url.href)
  next.searchParams.set('$skip', String(skip + top))
  const more = skip + top < all.length ? { '@odata.nextLink': `${origin}${next.pathname}${next.search}` } : {}
  return { status: 200, body: { value, ...more } }
}

/** A delta: links carry the count of changes from which they go on, and how far a round has come. */
function delta(mailbox: FakeMailbox, folder: FakeFolder, request: RouteRequest): RouteAnswer {
  const { query, url, origin, tenant, headers } = request
  const size = Number(/odata\.maxpagesize=(\d+)/.exec(headers['prefer'] ?? '')?.[1] ?? tenant.pageItems)
  const token = query.get('$deltatoken') ?? query.get('$skiptoken')
  const [since = '0', upTo = String(mailbox.seq), at = '0'] = token?.split('.') ?? []
  const from = query.has('$deltatoken') ? Number(upTo) : Number(since)
  const end = query.has('$deltatoken') ? mailbox.seq : Number(upTo)
  if (token !== undefined && (end < mailbox.oldestSeq || from < mailbox.oldestSeq)) {
    if (from > 0 || !query.has('$skiptoken'))
      return refusal(
        410,
        'SyncStateNotFound',
        'The sync state generation is not found; continuationToken is expired.',
      )
  }
  const start = query.has('$deltatoken') ? 0 : Number(at)
  const changed = mailbox
    .itemsIn(folder)
    .filter((item) => item.seq > from)
    .map((item) => ({ seq: item.seq, shown: shown(item, request) }))
  const gone = folder.gone
    .filter(({ seq, id }) => seq > from && from > 0 && mailbox.items.get(id)?.folder !== folder)
    .map(({ seq, id, reason }) => ({
      seq,
      shown: { '@odata.type': '#microsoft.graph.message', id, '@removed': { reason } },
    }))
  const all = [...changed, ...gone].sort((a, b) => a.seq - b.seq)
  const page = all.filter(({ seq }) => seq > start).slice(0, size)
  const last = page.at(-1)?.seq ?? end
  const isLast = page.length === 0 || !all.some(({ seq }) => seq > last)
  const link = (name: string, value: string): string => {
    const params = new URLSearchParams()
    for (const [key, text] of query) if (!key.endsWith('token')) params.set(key, text)
    params.set(name, value)
    return `${origin}${url.pathname}?${params.toString()}`
  }
  const links = isLast
    ? { '@odata.deltaLink': link('$deltatoken', `${from}.${end}`) }
    : { '@odata.nextLink': link('$skiptoken', `${from}.${end}.${last}`) }
  return { status: 200, body: { value: page.map((each) => each.shown), ...links } }
}

/** `lastModifiedDateTime ge X`, and newest first where that is asked for: what the mark of a folder needs. */
function listMessages(mailbox: FakeMailbox, folder: FakeFolder, request: RouteRequest): RouteAnswer {
  const { query, url, origin } = request
  const from = /lastModifiedDateTime ge ([\dTZ:.-]+)/.exec(query.get('$filter') ?? '')?.[1]
  const floor = from === undefined ? -Infinity : Date.parse(from)
  const seconds = (item: FakeItem): number => Math.floor(item.modifiedMs / 1000) * 1000
  const found = mailbox.itemsIn(folder).filter((item) => seconds(item) >= floor)
  if (query.get('$orderby') === 'lastModifiedDateTime desc') found.sort((a, b) => b.modifiedMs - a.modifiedMs)
  const top = Number(query.get('$top') ?? 10)
  const skip = Number(query.get('$skip') ?? 0)
  const next = new URL(url.href)
  next.searchParams.set('$skip', String(skip + top))
  const more = skip + top < found.length ? { '@odata.nextLink': `${origin}${next.pathname}${next.search}` } : {}
  return {
    status: 200,
    body: { value: found.slice(skip, skip + top).map((item) => shown(item, request)), ...more },
  }
}

/** Everything that only reads. */
export const READING_ROUTES: readonly Route[] = [
  {
    template: 'GET /users/{user}/mailFolders',
    roles: READ,
    run: withMailbox((mailbox, request) => listFolders(mailbox, mailbox.root, request)),
  },
  {
    template: 'GET /users/{user}/mailFolders/{folder}',
    roles: READ,
    run: withFolder((mailbox, folder, { query }) => ({
      status: 200,
      body: describeFolder(mailbox, folder, query),
    })),
  },
  {
    template: 'GET /users/{user}/mailFolders/{folder}/childFolders',
    roles: READ,
    run: withFolder((mailbox, folder, request) => listFolders(mailbox, folder, request)),
  },
  { template: 'GET /users/{user}/mailFolders/{folder}/messages/delta', roles: READ, run: withFolder(delta) },
  { template: 'GET /users/{user}/mailFolders/{folder}/messages', roles: READ, run: withFolder(listMessages) },
  {
    template: 'GET /users/{user}/messages/{message}',
    roles: READ,
    run: withItem((_, item, request) => ({ status: 200, body: shown(item, request) })),
  },
  {
    template: 'GET /users/{user}/messages/{message}/$value',
    roles: READ,
    run: withItem((_, item, { tenant }) => ({
      status: 200,
      bytes: renderMime(item, tenant.regenerates),
      headers: { 'content-type': 'text/plain' },
    })),
  },
]

export { queryOf }
