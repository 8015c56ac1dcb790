import { createHash } from 'node:crypto'
import type { FakeItem } from './mailbox.ts'

/**
 * The text of an item as `$value` and IMAP give it. Exchange makes it anew from properties; `regenerate` shows that by a
 * header more and lines in another order. What was made from parts is always made anew.
 */
export function renderMime(item: FakeItem, regenerate: boolean): Buffer {
  if (item.parts !== null) return fromParts(item)
  const mime = item.mime ?? Buffer.from('Subject: item\r\n\r\n')
  if (!regenerate) return mime
  const end = mime.indexOf('\r\n\r\n')
  const at = end === -1 ? mime.length : end + 2
  const added = Buffer.from('X-MS-Exchange-Organization-SCL: -1\r\n')
  return Buffer.concat([mime.subarray(0, at), added, mime.subarray(at)])
}

function fromParts(item: FakeItem): Buffer {
  const parts = item.parts
  if (parts === null) return Buffer.alloc(0)
  const date = new Date(Number(item.properties.get('systemtime 0x39') ?? NaN) || item.receivedMs)
  const boundary = createHash('sha256').update(item.id).digest('hex').slice(0, 24)
  const type = parts.bodyType === 'html' ? 'text/html' : 'text/plain'
  const head = [
    `From: ${parts.from}`,
    ...(parts.to.length > 0 ? [`To: ${parts.to.join(', ')}`] : []),
    `Subject: ${encodeWord(parts.subject)}`,
    `Date: ${date.toUTCString()}`,
    ...(parts.messageId === '' ? [] : [`Message-ID: ${parts.messageId}`]),
    ...parts.headers.map(({ name, value }) => `${name}: ${value}`),
    'MIME-Version: 1.0',
  ]
  const text = [
    `Content-Type: ${type}; charset="utf-8"`,
    'Content-Transfer-Encoding: base64',
    '',
    wrap(Buffer.from(parts.body)),
  ]
  if (item.attachments.length === 0) return Buffer.from([...head, ...text, ''].join('\r\n'))
  const lines = [...head, `Content-Type: multipart/mixed; boundary="${boundary}"`, '', `--${boundary}`, ...text]
  for (const attachment of item.attachments) {
    lines.push(
      `--${boundary}`,
      `Content-Type: ${attachment.contentType}; name="${encodeWord(attachment.name)}"`,
      `Content-Disposition: ${attachment.isInline ? 'inline' : 'attachment'}; filename="${encodeWord(attachment.name)}"`,
      ...(attachment.contentId === null ? [] : [`Content-ID: <${attachment.contentId}>`]),
      'Content-Transfer-Encoding: base64',
      '',
      wrap(attachment.bytes),
    )
  }
  return Buffer.from([...lines, `--${boundary}--`, ''].join('\r\n'))
}

function wrap(bytes: Buffer): string {
  return (bytes.toString('base64').match(/.{1,76}/g) ?? ['']).join('\r\n')
}

function encodeWord(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`
}
