import { Buffer } from 'node:buffer'
import { isKind, SealpostError } from '../../src/core/errors.ts'
import type { Body, Fetched, Mailbox } from '../../src/core/mail.ts'
import type { Context } from './context.ts'
import { liesIn, type Label } from './labels.ts'
import { RawReader, type RawHead } from './raw-message.ts'

/** Bodies asked for at once, and how many bytes of them may be on their way. */
const AT_ONCE = 4
const BYTES_AT_ONCE = 4 * 1024 * 1024

/**
 * `Session.fetch`: one request a message. Small ones whose size is known from a listing are asked for a few ahead; a
 * body above the threshold is read to its end once to know its size, and again by whoever opens it.
 */
export async function* fetchBodies(
  context: Context,
  mailbox: Mailbox,
  keys: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Fetched> {
  if (keys.length === 0) return
  const label = await context.labels.of(mailbox, signal)
  // Whoever gives up early stops what is on its way.
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const waiting = [...keys]
  const running: { readonly answer: Promise<Fetched>; readonly bytes: number }[] = []
  try {
    while (waiting.length > 0 || running.length > 0) {
      for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
        const bytes = context.index.sizeOf(next) ?? BYTES_AT_ONCE
        const onTheWay = running.reduce((sum, each) => sum + each.bytes, 0)
        if (running.length >= AT_ONCE || (running.length > 0 && onTheWay + bytes > BYTES_AT_ONCE)) break
        waiting.shift()
        const answer = fetchOne(context, label, next, either, signal)
        answer.catch(() => undefined)
        running.push({ answer, bytes })
      }
      const first = running.shift()
      if (first !== undefined) yield await first.answer
    }
  } finally {
    stop.abort()
  }
}

async function fetchOne(
  context: Context,
  label: Label,
  key: string,
  signal: AbortSignal,
  opening: AbortSignal,
): Promise<Fetched> {
  const limit = context.api.limits.largeMessageBytes
  let pieces: Buffer[] = []
  let bytes = 0
  try {
    const head = await readRaw(context, key, signal, (piece) => {
      bytes += piece.length
      if (bytes > limit) pieces = []
      else pieces.push(piece)
    })
    if (!liesIn(head.labels, label)) return { kind: 'gone', key }
  } catch (error) {
    if (isKind(error, 'not-found')) return { kind: 'gone', key }
    throw error
  }
  if (bytes <= limit) return { kind: 'whole', key, body: Buffer.concat(pieces, bytes) }
  return { kind: 'large', key, body: largeBody(context, key, bytes, opening) }
}

/** A body that is read from the server each time it is opened. */
function largeBody(context: Context, key: string, bytes: number, signal: AbortSignal): Body {
  return {
    bytes,
    async *open() {
      let left = bytes
      for await (const piece of rawPieces(context, key, signal)) {
        left -= piece.length
        if (left < 0) break
        if (piece.length > 0) yield piece
      }
      if (left !== 0) throw new SealpostError('corrupt', 'Gmail: a message has changed its size while it was read')
    },
  }
}

async function readRaw(
  context: Context,
  key: string,
  signal: AbortSignal,
  take: (piece: Buffer) => void,
): Promise<RawHead> {
  const pieces = rawPieces(context, key, signal)
  for (;;) {
    const step = await pieces.next()
    if (step.done === true) return step.value
    take(step.value)
  }
}

/** The bytes of a message as they arrive; returns when the end of the answer was confirmed. */
async function* rawPieces(context: Context, key: string, signal: AbortSignal): AsyncGenerator<Buffer, RawHead> {
  context.check(signal)
  const { api } = context
  const answer: unknown = await api.call(
    'reading a message',
    'get',
    (options) =>
      api.service.users.messages.get(
        { userId: 'me', id: key, format: 'raw', fields: 'id,labelIds,raw' },
        { ...options, responseType: 'stream' },
      ),
    signal,
  )
  const reader = new RawReader()
  for await (const piece of answer as AsyncIterable<Uint8Array>) yield reader.update(piece)
  const { last, head } = reader.finish()
  yield last
  return head
}
