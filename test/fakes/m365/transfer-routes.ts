import { randomBytes } from 'node:crypto'
import { exportFts, importFts } from './fts.ts'
import { itemOf, refusal, withMailbox, type Route, type RouteAnswer, type RouteRequest } from './graph-routes.ts'
import type { FakeTenant } from './tenant.ts'

const READ = ['Mail.Read', 'Mail.ReadWrite'] as const
const TRANSFER = ['MailboxItem.ImportExport.All'] as const
const MOST_ITEMS = 20

/** `POST …/exportItems`: at most twenty, by ids that are not immutable; each has its data or its error. */
function exportItems({ json, at, tenant }: RouteRequest): RouteAnswer {
  const { itemIds = [] } = json() as { itemIds?: string[] }
  if (itemIds.length === 0 || itemIds.length > MOST_ITEMS) return refusal(400, 'ErrorInvalidRequest', 'itemIds')
  const mailbox = tenant.find(at['mailbox'] ?? '')
  const value = itemIds.map((itemId) => {
    const item = [...(mailbox?.items.values() ?? [])].find(({ restId }) => restId === itemId)
    if (item === undefined) {
      return {
        itemId,
        error: { code: 'ErrorItemNotFound', message: 'The specified object was not found in the store.' },
      }
    }
    return { itemId, changeKey: String(item.seq), data: exportFts(item).toString('base64') }
  })
  return { status: 200, body: { value } }
}

/** Ways around the message itself: ids of other kinds, and the mailbox import and export API. */
export const TRANSFER_ROUTES: readonly Route[] = [
  {
    template: 'GET /users/{user}/settings/exchange',
    roles: TRANSFER,
    run: withMailbox((mailbox) => ({ status: 200, body: { primaryMailboxId: mailbox.exchangeId } })),
  },
  {
    template: 'POST /users/{user}/translateExchangeIds',
    roles: READ,
    run: withMailbox((mailbox, { json }) => {
      const { inputIds = [], targetIdType } = json() as { inputIds?: string[]; targetIdType?: string }
      const value = inputIds.flatMap((sourceId) => {
        const item = itemOf(mailbox, sourceId)
        if (item === undefined) return []
        return [{ sourceId, targetId: targetIdType === 'restId' ? item.restId : item.id }]
      })
      return { status: 200, body: { value } }
    }),
  },
  { template: 'POST /admin/exchange/mailboxes/{mailbox}/exportItems', roles: TRANSFER, run: exportItems },
  {
    template: 'POST /admin/exchange/mailboxes/{mailbox}/createImportSession',
    roles: TRANSFER,
    run: ({ tenant, at, origin }) => {
      const mailbox = tenant.find(at['mailbox'] ?? '')
      if (mailbox === undefined) return refusal(404, 'ErrorItemNotFound', 'no such mailbox')
      const token = randomBytes(16).toString('hex')
      const until = Date.now() + tenant.importSeconds * 1000
      tenant.importSessions.set(token, { address: mailbox.address, until })
      const importUrl = `${origin}/api/gbeta/Mailboxes('${mailbox.exchangeId}')/importItem?authtoken=${token}`
      return { status: 201, body: { importUrl, expirationDateTime: new Date(until).toISOString() } }
    },
  },
]

/** `POST importUrl`: its leave stands in the address, and a token that comes along was given to a stranger. */
export function answerImport(
  tenant: FakeTenant,
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): RouteAnswer {
  tenant.noteRequest('POST importItem')
  if (headers['authorization'] !== undefined) return refusal(400, 'TokenSent', 'a token came along')
  const session = tenant.importSessions.get(url.searchParams.get('authtoken') ?? '')
  if (session === undefined || session.until <= Date.now()) {
    return refusal(401, 'ErrorAccessDenied', 'The import session has expired.')
  }
  const throttled = tenant.admit(session.address)
  if (throttled !== null) {
    return refusal(429, throttled.code, throttled.message, { 'Retry-After': String(tenant.retryAfterSeconds) })
  }
  tenant.leave(session.address)
  const mailbox = tenant.mailbox(session.address)
  const { FolderId, Mode, Data } = JSON.parse(body.toString('utf8')) as Record<string, string>
  const folder = mailbox.folder(FolderId ?? '')
  if (folder === undefined) return refusal(404, 'ErrorFolderNotFound', 'no such folder')
  const item = Mode === 'create' ? importFts(mailbox, folder, Buffer.from(Data ?? '', 'base64')) : null
  if (item === null) return refusal(400, 'ErrorCorruptData', 'The data is corrupt.')
  return { status: 200, body: { itemId: item.restId, changeKey: String(item.seq) } }
}
