import { randomBytes } from 'node:crypto'
import { canonicalId, describeFolder } from './graph-items.ts'
import {
  refusal,
  shown,
  withFolder,
  withItem,
  withMailbox,
  type Route,
  type RouteAnswer,
  type RouteRequest,
} from './graph-routes.ts'
import type { FakeFolder, FakeItem, FakeMailbox } from './mailbox.ts'
import type { AppRole } from './tenant.ts'

const WRITE: readonly AppRole[] = ['Mail.ReadWrite']
/** A request of more bytes is refused. */
const MOST_BYTES = 4 * 1024 * 1024
/** MIME above this is answered with 200 and thrown away. */
const MOST_MIME_BYTES = 2_240_000

interface Address {
  readonly emailAddress?: { readonly name?: string; readonly address?: string }
}

function tooLarge({ body }: RouteRequest): RouteAnswer | null {
  if (body.length <= MOST_BYTES) return null
  return refusal(413, 'BadRequest', 'The maximum request length supported is 4MB.')
}

/** `text/plain`: base64 of MIME. It always makes a draft, in the drafts, received now. */
function storeMime(mailbox: FakeMailbox, request: RouteRequest): RouteAnswer {
  const text = request.body.toString('latin1')
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) {
    return refusal(400, 'ErrorMimeContentInvalidBase64String', 'Invalid base64 string for MIME content.')
  }
  const mime = Buffer.from(text, 'base64')
  if (mime.length > MOST_MIME_BYTES) return { status: 200, body: {} }
  const drafts = mailbox.folder('drafts')
  if (drafts === undefined) return refusal(404, 'ErrorItemNotFound', 'no drafts')
  return { status: 201, body: shown(mailbox.add(drafts, { mime, isDraft: true, isRead: true }), request) }
}

function storeJson(mailbox: FakeMailbox, folder: FakeFolder, request: RouteRequest): RouteAnswer {
  const json = request.json()
  const properties = propertiesOf(json)
  const flags = Number(properties.get('integer 0xe07') ?? 8)
  const delivered = Date.parse(properties.get('systemtime 0xe06') ?? '')
  const headers = (json['internetMessageHeaders'] ?? []) as { name: string; value: string }[]
  if (headers.length > 5 || headers.some(({ name, value }) => !/^x-/i.test(name) || value.length > 995)) {
    return refusal(400, 'InvalidInternetMessageHeader', 'The internet message header should start with x-.')
  }
  const content = json['body'] as { contentType?: string; content?: string } | undefined
  const text = ({ emailAddress }: Address): string =>
    emailAddress?.name === undefined
      ? (emailAddress?.address ?? '')
      : `"${emailAddress.name}" <${emailAddress.address ?? ''}>`
  const item = mailbox.add(folder, {
    parts: {
      subject: wordOf(json, 'subject'),
      messageId: wordOf(json, 'internetMessageId') || `<${randomBytes(8).toString('hex')}@made.example>`,
      from: text(json['from'] ?? {}),
      to: ((json['toRecipients'] ?? []) as Address[]).map(text),
      bodyType: content?.contentType === 'html' ? 'html' : 'text',
      body: content?.content ?? '',
      headers,
    },
    isRead: json['isRead'] === true,
    isDraft: (flags & 8) !== 0,
    isFlagged: (json['flag'] as { flagStatus?: string } | undefined)?.flagStatus === 'flagged',
    categories: [...((json['categories'] ?? []) as string[])],
    properties,
    ...(Number.isNaN(delivered) ? {} : { receivedMs: delivered }),
  })
  for (const attachment of (json['attachments'] ?? []) as Record<string, unknown>[]) {
    item.attachments.push({
      id: `AAA${randomBytes(12).toString('base64url')}=`,
      name: String(attachment['name']),
      contentType: String(attachment['contentType']),
      bytes: Buffer.from(String(attachment['contentBytes']), 'base64'),
      isInline: attachment['isInline'] === true,
      contentId: typeof attachment['contentId'] === 'string' ? attachment['contentId'] : null,
    })
  }
  return { status: 201, body: shown(item, request) }
}

function wordOf(json: Record<string, unknown>, name: string): string {
  const word = json[name]
  return typeof word === 'string' ? word : ''
}

function propertiesOf(json: Record<string, unknown>): Map<string, string> {
  const list = (json['singleValueExtendedProperties'] ?? []) as { id: string; value: string }[]
  return new Map(list.map(({ id, value }) => [canonicalId(id), value]))
}

/** `isDraft` and PidTagMessageFlags are passed over without a word. */
function patch(mailbox: FakeMailbox, item: FakeItem, request: RouteRequest): RouteAnswer {
  const json = request.json()
  if (typeof json['isRead'] === 'boolean') item.isRead = json['isRead']
  const flag = json['flag'] as { flagStatus?: string } | undefined
  if (flag !== undefined) item.isFlagged = item.imapFlagged = flag.flagStatus === 'flagged'
  if (Array.isArray(json['categories'])) item.categories = json['categories'] as string[]
  for (const [id, value] of propertiesOf(json)) if (id !== 'integer 0xe07') item.properties.set(id, value)
  mailbox.touch(item)
  return { status: 200, body: shown(item, request) }
}

function createFolder(mailbox: FakeMailbox, parent: FakeFolder, request: RouteRequest): RouteAnswer {
  const name = wordOf(request.json(), 'displayName')
  if (name.trim() === '') return refusal(400, 'ErrorInvalidFolderName', 'The folder name is invalid.')
  try {
    return { status: 201, body: describeFolder(mailbox, mailbox.createFolder(name.trim(), parent), new Map()) }
  } catch {
    return refusal(409, 'ErrorFolderExists', 'A folder with the specified name already exists.')
  }
}

/** With all that lies in it; its id stays. */
function moveFolder(mailbox: FakeMailbox, folder: FakeFolder, request: RouteRequest): RouteAnswer {
  const to = mailbox.folder(wordOf(request.json(), 'destinationId'))
  if (to === undefined) return refusal(404, 'ErrorFolderNotFound', 'no such folder')
  if (folder.wellKnown !== null)
    return refusal(400, 'ErrorMoveDistinguishedFolder', 'Distinguished folders cannot be moved.')
  folder.parent = to
  return { status: 201, body: describeFolder(mailbox, folder, new Map()) }
}

/** Everything that changes a mailbox. Nothing deletes. */
export const WRITING_ROUTES: readonly Route[] = [
  {
    template: 'POST /users/{user}/messages',
    roles: WRITE,
    run: withMailbox((mailbox, request) => {
      const drafts = mailbox.folder('drafts')
      if (request.headers['content-type']?.startsWith('text/plain') === true) {
        return tooLarge(request) ?? storeMime(mailbox, request)
      }
      if (drafts === undefined) return refusal(404, 'ErrorItemNotFound', 'no drafts')
      return tooLarge(request) ?? storeJson(mailbox, drafts, request)
    }),
  },
  {
    template: 'POST /users/{user}/mailFolders/{folder}/messages',
    roles: WRITE,
    run: withFolder((mailbox, folder, request) => {
      if (request.headers['content-type']?.startsWith('text/plain') === true) {
        return refusal(400, 'UnableToDeserializePostBody', 'were unable to deserialize')
      }
      return tooLarge(request) ?? storeJson(mailbox, folder, request)
    }),
  },
  { template: 'PATCH /users/{user}/messages/{message}', roles: WRITE, run: withItem(patch) },
  {
    template: 'POST /users/{user}/messages/{message}/move',
    roles: WRITE,
    run: withItem((mailbox, item, request) => {
      const to = mailbox.folder(wordOf(request.json(), 'destinationId'))
      if (to === undefined) return refusal(404, 'ErrorFolderNotFound', 'no such folder')
      mailbox.move(item, to)
      return { status: 201, body: shown(item, request) }
    }),
  },
  {
    template: 'GET /users/{user}/messages/{message}/attachments',
    roles: ['Mail.Read', 'Mail.ReadWrite'],
    run: withItem((_, { attachments }, { query, url, origin }) => {
      const top = Number(query.get('$top') ?? 10)
      const skip = Number(query.get('$skip') ?? 0)
      const next = new URL(url.href)
      next.searchParams.set('$skip', String(skip + top))
      const value = attachments.slice(skip, skip + top).map(({ id, name }) => ({ id, name }))
      const more =
        skip + top < attachments.length ? { '@odata.nextLink': `${origin}${next.pathname}${next.search}` } : {}
      return { status: 200, body: { value, ...more } }
    }),
  },
  {
    template: 'GET /users/{user}/messages/{message}/attachments/{attachment}/$value',
    roles: ['Mail.Read', 'Mail.ReadWrite'],
    run: withItem((_, item, { at }) => {
      const found = item.attachments.find(({ id }) => id === at['attachment'])
      return found === undefined
        ? refusal(404, 'ErrorItemNotFound', 'no such attachment')
        : { status: 200, bytes: found.bytes, headers: { 'content-type': found.contentType } }
    }),
  },
  {
    template: 'POST /users/{user}/mailFolders',
    roles: WRITE,
    run: withMailbox((mailbox, request) => createFolder(mailbox, mailbox.root, request)),
  },
  { template: 'POST /users/{user}/mailFolders/{folder}/move', roles: WRITE, run: withFolder(moveFolder) },
  {
    template: 'POST /users/{user}/mailFolders/{folder}/childFolders',
    roles: WRITE,
    run: withFolder(createFolder),
  },
]
