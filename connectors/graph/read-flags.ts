import type { FlagState } from '../../src/core/mail.ts'
import { sendBatch } from './batch.ts'
import type { GraphContext } from './context.ts'
import { messagePath } from './list-messages.ts'
import { FLAGS_QUERY, flagsOf } from './message-facts.ts'

/** Flags of the messages that are there, twenty a request. */
export async function* readFlags(
  context: GraphContext,
  keys: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<FlagState> {
  for (let start = 0; start < keys.length; start += 20) {
    const part = keys.slice(start, start + 20)
    const requests = part.map((key) => ({
      method: 'GET' as const,
      path: `${messagePath(context, key)}?${FLAGS_QUERY}`,
    }))
    const replies = await sendBatch(context, requests, 'reading flags', signal)
    for (const [index, reply] of replies.entries()) {
      if (reply.kind === 'answer') yield { key: part[index] ?? '', flags: flagsOf(reply.body) }
      else if (reply.error.kind !== 'not-found') throw reply.error
    }
  }
}
