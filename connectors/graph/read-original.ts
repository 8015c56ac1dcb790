import { createHash } from 'node:crypto'
import { isKind } from '../../src/core/errors.ts'
import type { Body, Fetched } from '../../src/core/mail.ts'
import type { GraphContext } from './context.ts'
import { expandOf, PROPERTY, propertyOf } from './extended-properties.ts'
import { readMessage } from './fetch-bodies.ts'
import { pagesOf } from './folders.ts'
import { textOf, type Json } from './json.ts'
import { messagePath } from './list-messages.ts'
import { ORIGINAL } from './rebuild-message.ts'

/**
 * Reads a copy that was rebuilt as the message that it carries along, where its digest is that of the message which it was made
 * from; any other message as it is.
 */
export async function readOriginal(
  context: GraphContext,
  key: string,
  signal: AbortSignal,
  later: AbortSignal,
): Promise<Fetched> {
  const { client, limits } = context
  const path = messagePath(context, key)
  try {
    const item = await client.get(
      `${path}?$select=id&${expandOf(PROPERTY.rebuiltFrom)}`,
      'reading a message',
      signal,
    )
    const digest = propertyOf(item, PROPERTY.rebuiltFrom)
    if (digest === null) return await readMessage(context, key, signal, later)
    const attachments: Json[] = []
    for await (const item of pagesOf(context, `${path}/attachments?$select=id,name`, signal))
      attachments.push(item)
    for (const attachment of attachments.reverse()) {
      const id = textOf(attachment, 'id')
      if (id === null || textOf(attachment, 'name') !== ORIGINAL) continue
      const { pieces } = await client.open(
        `${path}/attachments/${encodeURIComponent(id)}/$value`,
        'reading an original',
        signal,
      )
      const body = Buffer.concat(await collect(pieces))
      if (createHash('sha256').update(body).digest('hex') !== digest) continue
      if (body.length <= limits.largeMessageBytes) return { kind: 'whole', key, body }
      const large: Body = {
        bytes: body.length,
        async *open() {
          yield body
        },
      }
      return { kind: 'large', key, body: large }
    }
    return await readMessage(context, key, signal, later)
  } catch (error) {
    if (isKind(error, 'not-found')) return { kind: 'gone', key }
    throw error
  }
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return all
}
