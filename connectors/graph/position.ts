import type { Position } from '../../src/core/connector.ts'
import { SealpostError } from '../../src/core/errors.ts'
import type { Candidate, Mailbox } from '../../src/core/mail.ts'
import type { GraphContext } from './context.ts'
import { folderPath, pagesOf } from './folders.ts'
import { instantOf, textOf, type Json } from './json.ts'
import { ALONE_QUERY, listedAloneOf } from './message-facts.ts'

/** Keys are immutable ids: they mean one message for good. */
export const VALIDITY = 'immutable'

/** More messages than that do not come in a second. */
const IN_A_SECOND = 100_000

const NEWEST = '$select=id,lastModifiedDateTime&$orderby=lastModifiedDateTime desc&$top=50'

/**
 * The mark of a folder: the second in which something last changed there, and how many messages have that second. Graph counts
 * time in seconds, so that the second alone would not tell what came after it from what came within it.
 */
export async function position(context: GraphContext, mailbox: Mailbox, signal: AbortSignal): Promise<Position> {
  const path = `${folderPath(context, mailbox.name)}/messages?${NEWEST.replaceAll(' ', '%20')}`
  let newest = 0
  let count = 0
  for await (const item of pagesOf(context, path, signal)) {
    const at = instantOf(item, 'lastModifiedDateTime') ?? 0
    if (count > 0 && at < newest) break
    newest = at
    count++
  }
  return mark(newest, count)
}

/** What changed at or after the mark; all of its second, where more than the mark counted lie in it now. Throws `stale`. */
export async function* find(
  context: GraphContext,
  mailbox: Mailbox,
  since: Position | null,
  signal: AbortSignal,
): AsyncGenerator<Candidate> {
  if (since !== null && since.validity !== VALIDITY)
    throw new SealpostError('stale', 'graph: the mark is of another kind')
  const next = Number(since?.next ?? 0)
  const second = Math.floor(next / IN_A_SECOND) * 1000
  const counted = next % IN_A_SECOND
  const from = new Date(second).toISOString().replace(/\.\d{3}Z$/, 'Z')
  const filter = since === null ? '' : `&$filter=lastModifiedDateTime%20ge%20${from}`
  const query = ALONE_QUERY.replace('$select=id,', '$select=id,lastModifiedDateTime,internetMessageId,')
  const within: Json[] = []
  for await (const item of pagesOf(
    context,
    `${folderPath(context, mailbox.name)}/messages?$top=100&${query}${filter}`,
    signal,
  )) {
    if (since !== null && instantOf(item, 'lastModifiedDateTime') === second) within.push(item)
    else yield* candidateOf(item)
  }
  if (within.length > counted) for (const item of within) yield* candidateOf(item)
}

function candidateOf(item: Json): readonly Candidate[] {
  const listed = listedAloneOf(item)
  if (listed === null) throw new SealpostError('transient', 'graph: a message came without its flags')
  const { key, internalDate, flags } = listed
  const id = /<([^<>]+)>/.exec(textOf(item, 'internetMessageId') ?? '')?.[1]
  return [{ key, bytes: null, internalDate, flags, messageId: id?.replace(/\s+/g, '') ?? null }]
}

function mark(second: number, count: number): Position {
  return { validity: VALIDITY, next: String((second / 1000) * IN_A_SECOND + Math.min(count, IN_A_SECOND - 1)) }
}
