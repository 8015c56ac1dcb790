import type { Outcome } from '../../src/core/connector.ts'
import { isKind, SealpostError } from '../../src/core/errors.ts'
import type { FlagChange, FlagRefusal, Mailbox } from '../../src/core/mail.ts'
import { sendBatch } from './batch.ts'
import { isCategory, keywordOf } from './categories.ts'
import type { GraphContext } from './context.ts'
import { isPassing } from './errors.ts'
import { PROPERTY } from './extended-properties.ts'
import { listOf, textOf, type Json } from './json.ts'
import { messagePath } from './list-messages.ts'
import { FLAGS_QUERY, flagsOf } from './message-facts.ts'
import { VALIDITY } from './position.ts'
import { property, verbOf } from './rebuild-message.ts'

/** Twenty messages take two requests: what they have is read, and what is to be different is set. Twice is safe. */
export async function setFlags(
  context: GraphContext,
  changes: readonly FlagChange[],
  signal: AbortSignal,
): Promise<readonly FlagRefusal[]> {
  const refusals: FlagRefusal[] = []
  for (let start = 0; start < changes.length; start += 20) {
    const part = changes.slice(start, start + 20)
    const reads = part.map(({ key }) => ({
      method: 'GET' as const,
      path: `${messagePath(context, key)}?${FLAGS_QUERY}`,
    }))
    const found = await sendBatch(context, reads, 'reading flags', signal)
    const writes = part.flatMap((change, index) => {
      const reply = found[index]
      if (reply?.kind !== 'answer') {
        if (reply !== undefined && !isKind(reply.error, 'not-found')) throw reply.error
        return []
      }
      const json = patchOf(change, reply.body, refusals)
      return json === null ? [] : [{ method: 'PATCH' as const, path: messagePath(context, change.key), json }]
    })
    if (writes.length === 0) continue
    for (const reply of await sendBatch(context, writes, 'changing flags', signal)) {
      if (reply.kind === 'error' && !isKind(reply.error, 'not-found')) throw reply.error
    }
  }
  return refusals
}

/** What is to be set on one message, or null; what Graph has no place for is refused. */
function patchOf({ key, add, remove }: FlagChange, item: Json, refusals: FlagRefusal[]): Json {
  const present = flagsOf(item)
  const removed = new Set(remove.map((flag) => flag.toLowerCase()))
  const patch: Record<string, Json> = {}
  const on = (flag: string): boolean | null =>
    add.includes(flag) ? true : removed.has(flag.toLowerCase()) ? false : null
  const seen = on('\\Seen')
  if (seen !== null) patch['isRead'] = seen
  const flagged = on('\\Flagged')
  if (flagged !== null) patch['flag'] = { flagStatus: flagged ? 'flagged' : 'notFlagged' }
  const verb = verbOf(add)
  const hadVerb = ['\\Answered', '$Forwarded'].some(
    (flag) => present.includes(flag) && removed.has(flag.toLowerCase()),
  )
  if (verb.length > 0) patch['singleValueExtendedProperties'] = verb
  else if (hadVerb)
    patch['singleValueExtendedProperties'] = [property(PROPERTY.lastVerb, '0'), property(PROPERTY.icon, '-1')]
  const before = listOf(item, 'categories').filter((category): category is string => typeof category === 'string')
  const kept = before.filter((category) => !removed.has(keywordOf(category).toLowerCase()))
  const added: string[] = []
  for (const flag of add) {
    if (['\\Seen', '\\Flagged', '\\Answered', '$Forwarded'].includes(flag)) continue
    if (flag === '\\Draft' && present.includes(flag)) continue
    if (flag.startsWith('\\') || !isCategory(flag))
      refusals.push({ key, flag, reason: 'Graph has no place for it' })
    else if (!kept.some((category) => keywordOf(category).toLowerCase() === keywordOf(flag).toLowerCase()))
      added.push(flag)
  }
  if (kept.length !== before.length || added.length > 0) patch['categories'] = [...kept, ...added]
  return Object.keys(patch).length === 0 ? null : patch
}

/** Moves messages one by one; an immutable id stays what it is. */
export async function move(
  context: GraphContext,
  keys: readonly string[],
  to: Mailbox,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  for (const key of keys) outcomes.push(await moveOne(context, key, to, signal))
  return outcomes
}

async function moveOne(context: GraphContext, key: string, to: Mailbox, signal: AbortSignal): Promise<Outcome> {
  const sent = { lastByte: false }
  const call = {
    method: 'POST',
    path: `${messagePath(context, key)}/move`,
    what: 'moving a message',
    json: { destinationId: to.name },
    onHandingOver: (): void => void (sent.lastByte = true),
  } as const
  try {
    const { body } = await context.client.call(call, signal)
    return { kind: 'landed', key: textOf(body, 'id') ?? key, validity: VALIDITY }
  } catch (error) {
    if (!isKind(error)) throw error
    const isInDoubt = sent.lastByte && isPassing(error)
    if (!isInDoubt && !isKind(error, 'transient', 'cancelled', 'auth', 'config')) return { kind: 'refused', error }
    if (!isInDoubt) throw error
    const text = 'graph: no answer came to a move'
    return { kind: 'unknown', error: new SealpostError('unknown-outcome', text, { cause: error }) }
  }
}
