import { isKind, SealpostError } from '../../src/core/errors.ts'
import type { Body, Fetched } from '../../src/core/mail.ts'
import type { GraphContext } from './context.ts'
import { UNCONVERTIBLE } from './errors.ts'
import { messagePath } from './list-messages.ts'

/**
 * How one message is read; the writer that makes messages anew reads its own copies another way. `signal` ends this reading,
 * `later` that of a large body, which is read when the fetch is long over.
 */
export type ReadOne = (
  context: GraphContext,
  key: string,
  signal: AbortSignal,
  later: AbortSignal,
) => Promise<Fetched>

/**
 * Bodies by `$value`, each whole and byte for byte as the server makes it, as many at once as the mailbox stands. Answers come
 * in the order of the keys; not more than so many are held at once.
 */
export async function* fetchBodies(
  context: GraphContext,
  keys: readonly string[],
  readOne: ReadOne,
  signal: AbortSignal,
): AsyncGenerator<Fetched> {
  const stop = new AbortController()
  const inner = AbortSignal.any([signal, stop.signal])
  const underWay: Promise<Fetched>[] = []
  let next = 0
  try {
    for (;;) {
      while (underWay.length < context.limits.requestsAtOnce && next < keys.length) {
        const reading = readOne(context, keys[next++] ?? '', inner, signal)
        // Whoever waits for it hears of its trouble; until then it is nobody's.
        reading.catch(() => undefined)
        underWay.push(reading)
      }
      const first = underWay.shift()
      if (first === undefined) return
      yield await first
    }
  } finally {
    stop.abort()
    await Promise.allSettled(underWay)
  }
}

/** Reads one message: whole up to the limit, else as a body that is read anew from the start. */
export async function readMessage(
  context: GraphContext,
  key: string,
  signal: AbortSignal,
  later: AbortSignal,
): Promise<Fetched> {
  const path = `${messagePath(context, key)}/$value`
  const limit = context.limits.largeMessageBytes
  try {
    const { bytes, pieces, discard } = await context.client.open(path, 'reading a message', signal)
    if (bytes !== null && bytes > limit) {
      discard()
      return { kind: 'large', key, body: largeBody(context, path, bytes, later) }
    }
    const kept: Uint8Array[] = []
    let read = 0
    for await (const piece of pieces) {
      read += piece.length
      // Its size is not known beforehand where the server sends it in chunks: what is too large is counted to its end.
      if (read <= limit) kept.push(piece)
      else kept.length = 0
    }
    if (read > limit) return { kind: 'large', key, body: largeBody(context, path, read, later) }
    return { kind: 'whole', key, body: Buffer.concat(kept) }
  } catch (error) {
    if (isKind(error, 'not-found')) return { kind: 'gone', key }
    if (isKind(error, 'rejected') && error.code === UNCONVERTIBLE)
      return { kind: 'unreadable', key, reason: error.message }
    throw error
  }
}

/** Graph reads no ranges of a message, so that each reading begins at the start. */
function largeBody(context: GraphContext, path: string, bytes: number, signal: AbortSignal): Body {
  return {
    bytes,
    async *open() {
      const { pieces } = await context.client.open(path, 'reading a large message', signal)
      let left = bytes
      for await (const piece of pieces) {
        left -= piece.length
        // The server makes the text anew each time; another length is another text.
        if (left < 0) throw changed()
        yield piece
      }
      if (left !== 0) throw changed()
    },
  }
}

function changed(): SealpostError {
  return new SealpostError('transient', 'graph: a large message came with another length than before', {
    code: 'CHANGED',
  })
}
