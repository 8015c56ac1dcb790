import { isKind, SealpostError } from '../../src/core/errors.ts'
import type { GraphReply } from './client.ts'
import type { GraphContext } from './context.ts'
import { errorOf, naming, refusalOf } from './errors.ts'
import { fieldOf, instantOf, listOf, textOf } from './json.ts'

/** An item in Exchange's own form (FastTransfer), base64. It is opaque: nothing of it may be changed. */
export type NativeItem = string

/** What is known of a mailbox for exporting and importing; one a context. */
interface NativeDoor {
  mailboxId: Promise<string> | null
  session: { readonly url: string; readonly until: number } | null
}

/** Before an import session ends by so much, another one is opened. */
const MARGIN_MS = 60_000

/** What both need of the tenant. */
const PERMISSION = 'MailboxItem.ImportExport.All'

const doors = new WeakMap<GraphContext, NativeDoor>()

/**
 * Exports one item by its immutable id (learn.microsoft.com: mailbox-exportitems). Two requests, and one for the first. Throws
 * `not-found` for one that is gone, else as the table of errors.ts says.
 */
export async function exportItem(context: GraphContext, key: string, signal: AbortSignal): Promise<NativeItem> {
  const { client } = context
  const what = 'exporting an item'
  const mailbox = await mailboxIdOf(context, signal)
  const id = await translate(context, key, 'restImmutableEntryId', 'restId', signal)
  const path = `/admin/exchange/mailboxes/${encodeURIComponent(mailbox)}/exportItems`
  const { body } = await permitted(client.call({ method: 'POST', path, what, json: { itemIds: [id] } }, signal))
  const [item] = listOf(body, 'value')
  const data = textOf(item, 'data')
  if (data !== null && data !== '') return data
  // One item is refused within an answer that is none.
  if (fieldOf(item, 'error') !== undefined) throw errorOf(refusalOf(200, item, null, context.clock.now()), what)
  throw new SealpostError('transient', `graph: ${what}: the answer holds no item`, { code: 'PROTOCOL' })
}

/**
 * Imports one item into a folder and returns its immutable id; it is mail, draft, read or not as it was. One request, one for its
 * id, and one an import session. `onHandingOver` is called before the last byte goes out. Throws as the table of errors.ts says.
 */
export async function importItem(
  context: GraphContext,
  folder: string,
  item: NativeItem,
  onHandingOver: () => void,
  signal: AbortSignal,
): Promise<string> {
  const what = 'importing an item'
  const send = async (): Promise<GraphReply> =>
    context.client.sendToSession(
      {
        method: 'POST',
        url: await importUrl(context, signal),
        what,
        body: Buffer.from(JSON.stringify({ FolderId: folder, Mode: 'create', Data: item })),
        headers: { 'content-type': 'application/json' },
        onHandingOver,
      },
      signal,
    )
  const { status, body } = await send().catch((error: unknown) => {
    // A session that is over refuses without having stored anything; a new one is opened once.
    if (!isKind(error, 'auth') || doorOf(context).session === null) throw error
    doorOf(context).session = null
    return send()
  })
  const id = textOf(body, 'itemId')
  if (status >= 300 || id === null) {
    throw new SealpostError('transient', `graph: ${what}: the answer ${status} names no item`, { code: 'NO_ID' })
  }
  return id
}

/** The immutable id of an item that was imported. */
export function immutableIdOf(context: GraphContext, id: string, signal: AbortSignal): Promise<string> {
  return translate(context, id, 'restId', 'restImmutableEntryId', signal)
}

/** When the import session ends, in milliseconds since 1970; now where none is open. */
export function importSessionEnd(context: GraphContext): number {
  return doorOf(context).session?.until ?? context.clock.now()
}

/** The place that takes imports carries its own leave, which ends; it is kept in memory and nowhere else. */
async function importUrl(context: GraphContext, signal: AbortSignal): Promise<string> {
  const door = doorOf(context)
  const now = context.clock.now()
  if (door.session !== null && now < door.session.until - MARGIN_MS) return door.session.url
  const path = `/admin/exchange/mailboxes/${encodeURIComponent(await mailboxIdOf(context, signal))}/createImportSession`
  const call = { method: 'POST', path, what: 'opening an import session' } as const
  const { body } = await permitted(context.client.call(call, signal))
  const url = textOf(body, 'importUrl')
  if (url === null || !url.startsWith('https://')) {
    throw new SealpostError('transient', 'graph: an import session has no address', { code: 'PROTOCOL' })
  }
  door.session = { url, until: instantOf(body, 'expirationDateTime') ?? now + 2 * MARGIN_MS }
  return url
}

function mailboxIdOf(context: GraphContext, signal: AbortSignal): Promise<string> {
  const door = doorOf(context)
  const ask = async (): Promise<string> => {
    const { client } = context
    const path = `${client.user}/settings/exchange`
    const settings = await permitted(client.get(path, 'asking for the mailbox', signal))
    const id = textOf(settings, 'primaryMailboxId')
    if (id !== null) return id
    throw new SealpostError('transient', 'graph: the mailbox has no id for imports', { code: 'PROTOCOL' })
  }
  if (door.mailboxId === null) {
    const asked = ask()
    door.mailboxId = asked
    asked.catch(() => (door.mailboxId = null))
  }
  return door.mailboxId
}

async function translate(
  context: GraphContext,
  id: string,
  sourceIdType: string,
  targetIdType: string,
  signal: AbortSignal,
): Promise<string> {
  const { client } = context
  const json = { inputIds: [id], sourceIdType, targetIdType }
  const path = `${client.user}/translateExchangeIds`
  const { body } = await client.call({ method: 'POST', path, what: 'translating an id', json }, signal)
  const found = textOf(listOf(body, 'value')[0], 'targetId')
  if (found !== null) return found
  throw new SealpostError('not-found', 'graph: an item is no longer there', { code: 'GONE' })
}

function permitted<T>(asked: Promise<T>): Promise<T> {
  return asked.catch((error: unknown) => {
    throw naming(error, PERMISSION)
  })
}

function doorOf(context: GraphContext): NativeDoor {
  const known = doors.get(context)
  if (known !== undefined) return known
  const made: NativeDoor = { mailboxId: null, session: null }
  doors.set(context, made)
  return made
}
