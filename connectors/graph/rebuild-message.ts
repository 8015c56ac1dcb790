import { createHash } from 'node:crypto'
import {
  addressesOf,
  decodeText,
  decodeWords,
  fieldValue,
  leavesOf,
  readHeader,
  type HeaderField,
  type MimeLeaf,
} from '../../src/core/mime.ts'
import type { NewMessage } from '../../src/core/mail.ts'
import { isCategory } from './categories.ts'
import { PROPERTY } from './extended-properties.ts'
import type { Json } from './json.ts'

/** The name under which a copy carries the message from which it was rebuilt. */
export const ORIGINAL = 'original.eml'

/** PidTagMessageFlags: read, and not yet sent, which is what makes a draft. */
const READ = 0x1
const UNSENT = 0x8
/** Graph takes custom headers alone, five at most, and none longer. */
const MOST_HEADERS = 5
const MOST_HEADER_CHARACTERS = 995

/**
 * A message as Graph's JSON, made anew from its parts: subject, persons, one text, attachments, dates and flags. What JSON has
 * no place for is lost (order and most of the header, signatures, alternatives): the copy is degraded, and carries the whole
 * original with it where `attachOriginal` says so.
 */
export function rebuildMessage(body: Uint8Array, message: NewMessage, attachOriginal: boolean): Json {
  const { fields } = readHeader(body)
  const leaves = leavesOf(body)
  const isText = (leaf: MimeLeaf, type: string): boolean =>
    leaf.type === type && !leaf.isAttachment && leaf.fileName === null
  const html = leaves.find((leaf) => isText(leaf, 'text/html'))
  const plain = leaves.find((leaf) => isText(leaf, 'text/plain'))
  const shown = html ?? plain
  const attachments = leaves
    .filter((leaf) => leaf !== html && leaf !== plain)
    .map((leaf, index) => attachmentOf(leaf, leaf.fileName ?? `part-${index + 1}`))
  if (attachOriginal) attachments.push(attachmentOf({ ...NO_LEAF, body }, ORIGINAL))
  const from = addressesOf(fieldValue(fields, 'from'))[0]
  const sender = addressesOf(fieldValue(fields, 'sender'))[0] ?? from
  const date = Date.parse(fieldValue(fields, 'date') ?? '')
  const { flags, internalDate } = message
  const messageId = /<[^<>\s]+>/.exec(fieldValue(fields, 'message-id') ?? '')?.[0]
  return {
    subject: decodeWords(fieldValue(fields, 'subject') ?? ''),
    ...(from === undefined ? {} : { from: recipient(from) }),
    ...(sender === undefined ? {} : { sender: recipient(sender) }),
    ...recipients(fields),
    ...(messageId === undefined ? {} : { internetMessageId: messageId }),
    body: {
      contentType: html === undefined ? 'text' : 'html',
      content: shown === undefined ? '' : decodeText(shown.body, shown.charset),
    },
    isRead: flags.includes('\\Seen'),
    flag: { flagStatus: flags.includes('\\Flagged') ? 'flagged' : 'notFlagged' },
    categories: flags.filter((flag) => flag !== '$Forwarded' && isCategory(flag)),
    ...customHeaders(fields),
    ...(attachments.length === 0 ? {} : { attachments }),
    singleValueExtendedProperties: [
      property(
        PROPERTY.messageFlags,
        String((flags.includes('\\Seen') ? READ : 0) | (flags.includes('\\Draft') ? UNSENT : 0)),
      ),
      property(PROPERTY.deliveryTime, new Date(internalDate).toISOString()),
      property(PROPERTY.submitTime, new Date(Number.isNaN(date) ? internalDate : date).toISOString()),
      property(PROPERTY.messageClass, 'IPM.Note'),
      property(PROPERTY.rebuiltFrom, createHash('sha256').update(body).digest('hex')),
      ...verbOf(flags),
    ],
  }
}

/** The verb that Outlook shows as an arrow on the message, with its icon. */
export function verbOf(flags: readonly string[]): readonly Json[] {
  if (flags.includes('\\Answered')) return [property(PROPERTY.lastVerb, '102'), property(PROPERTY.icon, '261')]
  if (flags.includes('$Forwarded')) return [property(PROPERTY.lastVerb, '104'), property(PROPERTY.icon, '262')]
  return []
}

/** An extended property in Graph's notation. */
export function property(id: string, value: string): Json {
  return { id, value }
}

const NO_LEAF: MimeLeaf = {
  type: 'message/rfc822',
  charset: null,
  isAttachment: true,
  fileName: null,
  contentId: null,
  body: new Uint8Array(),
}

function attachmentOf(leaf: MimeLeaf, name: string): Json {
  return {
    '@odata.type': '#microsoft.graph.fileAttachment',
    name,
    // A message as a file stays a file; Graph would make an item of it and of its text another one.
    contentType: name === ORIGINAL ? 'application/octet-stream' : leaf.type,
    contentBytes: Buffer.from(leaf.body).toString('base64'),
    isInline: !leaf.isAttachment && leaf.contentId !== null,
    ...(leaf.contentId === null ? {} : { contentId: leaf.contentId }),
  }
}

function recipient({ name, address }: { readonly name: string; readonly address: string }): Json {
  return { emailAddress: { ...(name === '' ? {} : { name }), address } }
}

function recipients(fields: readonly HeaderField[]): object {
  const names = [
    ['toRecipients', 'to'],
    ['ccRecipients', 'cc'],
    ['bccRecipients', 'bcc'],
    ['replyTo', 'reply-to'],
  ] as const
  return Object.fromEntries(
    names.map(([key, name]) => [key, addressesOf(fieldValue(fields, name)).map(recipient)]),
  )
}

function customHeaders(fields: readonly HeaderField[]): object {
  const headers = fields
    .filter(({ name, value }) => /^x-/i.test(name) && value !== '' && value.length <= MOST_HEADER_CHARACTERS)
    .slice(0, MOST_HEADERS)
    .map(({ name, value }) => ({ name, value: decodeWords(value) }))
  return headers.length === 0 ? {} : { internetMessageHeaders: headers }
}
