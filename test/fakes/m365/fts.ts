import { createHash } from 'node:crypto'
import type { FakeItem, FakeMailbox, FakeFolder } from './mailbox.ts'

/** An item in a form that nobody may change, with all that Exchange keeps of it. */
export function exportFts(item: FakeItem): Buffer {
  const { isRead, isDraft, isFlagged, receivedMs, categories, parts, attachments } = item
  const properties = [...item.properties]
  const kept = { isRead, isDraft, isFlagged, receivedMs, categories, parts, properties }
  const json = JSON.stringify({
    ...kept,
    mime: item.mime?.toString('base64') ?? null,
    attachments: attachments.map((each) => ({ ...each, bytes: each.bytes.toString('base64') })),
  })
  return Buffer.concat([createHash('sha256').update(json).digest(), Buffer.from(json)])
}

/** Stores an item that was exported; null where a byte of it was changed. */
export function importFts(mailbox: FakeMailbox, folder: FakeFolder, fts: Buffer): FakeItem | null {
  const json = fts.subarray(32)
  if (!createHash('sha256').update(json).digest().equals(fts.subarray(0, 32))) return null
  const kept = JSON.parse(json.toString('utf8')) as Omit<FakeItem, 'mime' | 'properties' | 'attachments'> & {
    readonly mime: string | null
    readonly properties: readonly [string, string][]
    readonly attachments: readonly (Omit<FakeItem['attachments'][number], 'bytes'> & { readonly bytes: string })[]
  }
  const item = mailbox.add(folder, {
    ...kept,
    mime: kept.mime === null ? null : Buffer.from(kept.mime, 'base64'),
    properties: new Map(kept.properties),
  })
  item.attachments.push(...kept.attachments.map((each) => ({ ...each, bytes: Buffer.from(each.bytes, 'base64') })))
  return item
}
