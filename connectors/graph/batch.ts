import { SealpostError } from '../../src/core/errors.ts'
import type { GraphContext } from './context.ts'
import { errorOf, refusalOf } from './errors.ts'
import { fieldOf, listOf, numberOf, textOf, type Json } from './json.ts'

/** Requests in one batch; the service takes no more. */
const MOST = 20

/** One request of a batch. */
export interface BatchRequest {
  readonly method: 'GET' | 'PATCH'
  readonly path: string
  readonly json?: Json
}

/** What came of one: its body, or its error. */
export type BatchReply =
  { readonly kind: 'answer'; readonly body: Json } | { readonly kind: 'error'; readonly error: SealpostError }

/**
 * Sends requests in batches (learn.microsoft.com: json-batching) and returns their answers in order. Each has a status of its
 * own, whatever that of the batch says. A throttled one makes the whole call `throttled`; where the token was refused to one
 * it is renewed, and the batch sent once more. So it must be one that can be repeated.
 */
export async function sendBatch(
  context: GraphContext,
  requests: readonly BatchRequest[],
  what: string,
  signal: AbortSignal,
): Promise<readonly BatchReply[]> {
  const replies: BatchReply[] = []
  for (let start = 0; start < requests.length; start += MOST) {
    replies.push(...(await sendOne(context, requests.slice(start, start + MOST), what, signal)))
  }
  return replies
}

async function sendOne(
  context: GraphContext,
  requests: readonly BatchRequest[],
  what: string,
  signal: AbortSignal,
): Promise<readonly BatchReply[]> {
  const parts = requests.map(({ method, path, json }, index) => ({
    id: String(index),
    method,
    url: path,
    headers: {
      Prefer: 'IdType="ImmutableId"',
      ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(json === undefined ? {} : { body: json }),
  }))
  const call = { method: 'POST', path: '/$batch', what, json: { requests: parts }, whole: true } as const
  let { body } = await context.client.call(call, signal)
  if (listOf(body, 'responses').some((response) => numberOf(response, 'status') === 401)) {
    await context.client.renewToken(signal)
    body = (await context.client.call(call, signal)).body
  }
  const byId = new Map(listOf(body, 'responses').map((response) => [textOf(response, 'id'), response]))
  return requests.map((_, index) => {
    const response = byId.get(String(index))
    const status = numberOf(response, 'status')
    if (status === null) {
      throw new SealpostError('transient', `graph: ${what}: a batch came back without one of its answers`)
    }
    if (status < 400) return { kind: 'answer', body: fieldOf(response, 'body') }
    const headers = fieldOf(response, 'headers')
    const retryAfter = textOf(headers, 'Retry-After') ?? textOf(headers, 'retry-after')
    const error = errorOf(refusalOf(status, fieldOf(response, 'body'), retryAfter, context.clock.now()), what)
    if (error.kind === 'throttled' || error.kind === 'auth') throw error
    return { kind: 'error', error }
  })
}
