import type { FakeFolder, FakeItem, FakeMailbox } from './mailbox.ts'
import { renderMime } from './render.ts'

/** An instant as Graph writes it: whole seconds. */
export function instant(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z')
}

/** An id of an extended property as Graph answers with it. */
export function canonicalId(id: string): string {
  return id.toLowerCase().replace(/0x0*([0-9a-f]+)$/, '0x$1')
}

/** A query as a map; `$expand` has its filter within. */
export function queryOf(url: URL): ReadonlyMap<string, string> {
  return new Map([...url.searchParams])
}

/** The extended properties that `$expand` asks for. */
function expanded(query: ReadonlyMap<string, string>, of: (id: string) => string | undefined): object {
  const expand = query.get('$expand')
  if (expand === undefined || !expand.startsWith('singleValueExtendedProperties')) return {}
  const ids = [...expand.matchAll(/id eq '([^']+)'/g)].map((match) => match[1] ?? '')
  const found = ids.flatMap((id) => {
    const value = of(canonicalId(id))
    // `Integer 0x0E08` is answered as `Integer 0xe08`.
    const shown = id.replace(/0x0*([0-9a-fA-F]+)$/, (_, digits: string) => `0x${digits.toLowerCase()}`)
    return value === undefined ? [] : [{ id: shown, value }]
  })
  return found.length === 0 ? {} : { singleValueExtendedProperties: found }
}

function selected(query: ReadonlyMap<string, string>, item: Readonly<Record<string, unknown>>): object {
  const select = query.get('$select')
  if (select === undefined) return item
  const names = new Set(['id', ...select.split(',')])
  return Object.fromEntries(Object.entries(item).filter(([name]) => names.has(name) || name.startsWith('@')))
}

/** A message as Graph shows it. */
export function describeItem(
  item: FakeItem,
  query: ReadonlyMap<string, string>,
  options: { readonly immutable: boolean; readonly dropsFields: boolean },
): object {
  const fields: Record<string, unknown> = {
    '@odata.etag': `W/"${item.seq}"`,
    id: options.immutable ? item.id : item.restId,
    parentFolderId: item.folder.id,
    // What was imported or never sent may have none.
    receivedDateTime: Number.isNaN(item.receivedMs) ? null : instant(item.receivedMs),
    createdDateTime: instant(item.createdMs),
    lastModifiedDateTime: instant(item.modifiedMs),
    isRead: item.isRead,
    isDraft: item.isDraft,
    flag: { flagStatus: item.isFlagged ? 'flagged' : 'notFlagged' },
    categories: item.categories,
    hasAttachments: item.attachments.length > 0,
    internetMessageId: messageIdOf(item),
    subject: item.parts?.subject ?? '',
  }
  const properties = expanded(query, (id) =>
    id === 'integer 0xe08'
      ? String(renderMime(item, false).length + 400)
      : id === 'systemtime 0xe06'
        ? instant(item.receivedMs)
        : item.properties.get(id),
  )
  const shown = selected(query, fields)
  if (options.dropsFields && query.has('$expand')) delete (shown as Record<string, unknown>)['receivedDateTime']
  return { ...shown, ...properties }
}

/** A folder as Graph shows it. */
export function describeFolder(
  mailbox: FakeMailbox,
  folder: FakeFolder,
  query: ReadonlyMap<string, string>,
): object {
  const items = mailbox.itemsIn(folder)
  const fields: Record<string, unknown> = {
    ...(folder.isSearch ? { '@odata.type': '#microsoft.graph.mailSearchFolder' } : {}),
    id: folder.id,
    displayName: folder.name,
    parentFolderId: folder.parent?.id ?? null,
    childFolderCount: mailbox.childrenOf(folder).length,
    totalItemCount: items.length,
    isHidden: folder.isHidden,
  }
  const bytes = items.reduce((sum, item) => sum + renderMime(item, false).length, 0)
  const properties = expanded(query, (id) =>
    id === 'string 0x3613' ? folder.containerClass : id === 'long 0xe08' ? String(bytes) : undefined,
  )
  return { ...selected(query, fields), ...properties }
}

function messageIdOf(item: FakeItem): string | null {
  if (item.parts !== null) return item.parts.messageId
  const head = item.mime?.toString('latin1').split(/\r?\n\r?\n/)[0] ?? ''
  return /^message-id:\s*(<[^>]+>)/im.exec(head)?.[1] ?? null
}
