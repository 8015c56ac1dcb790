import type { Cursor, Page } from '../../src/core/connector.ts'
import { isKind, SealpostError } from '../../src/core/errors.ts'
import type { Listed, Mailbox } from '../../src/core/mail.ts'
import { sendBatch } from './batch.ts'
import type { GraphContext } from './context.ts'
import { folderPath } from './folders.ts'
import { listPlainly } from './list-plainly.ts'
import { fieldOf, listOf, textOf, type Json } from './json.ts'
import { ALONE_QUERY, listedAloneOf, LISTED_QUERY, listedOf } from './message-facts.ts'

/** In the place of a link: everything is listed. */
const FROM_NOTHING = ''

/**
 * Lists a folder by its delta (learn.microsoft.com: message-delta). The first round goes through everything there is; its last
 * link is the cursor, from which the next one tells what came, changed and went. What changed is named again as a message.
 * A link that the server no longer knows (410, `syncStateNotFound`) is `stale`. For a delta Exchange writes into the mailbox: a
 * full one refuses it, and hands out plain lists as ever.
 */
export async function* listMessages(
  context: GraphContext,
  mailbox: Mailbox,
  since: Cursor | null,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  const resume = since === null ? FROM_NOTHING : readCursor(context, mailbox, since)
  if (resume === null) {
    yield { kind: 'stale' }
    return
  }
  const isFromNothing = resume === FROM_NOTHING
  let next = !isFromNothing ? resume : `${folderPath(context, mailbox.name)}/messages/delta?${LISTED_QUERY}`
  const seen = new Set<string>()
  for (;;) {
    if (seen.has(next)) throw new SealpostError('transient', 'graph: a listing leads back to itself')
    seen.add(next)
    const call = {
      method: 'GET',
      path: next,
      what: 'listing messages',
      pageItems: context.limits.pageMessages,
    } as const
    let body: Json
    try {
      body = (await context.client.call(call, signal)).body
    } catch (error) {
      if (isKind(error, 'quota')) {
        yield* listPlainly(context, mailbox, formatCursor(mailbox, FROM_NOTHING), signal)
        return
      }
      if (!isKind(error, 'stale')) throw error
      // Without a cursor there is nothing to be stale: the listing is begun again.
      if (isFromNothing) throw new SealpostError('transient', error.message, { cause: error, code: 'RESYNC' })
      yield { kind: 'stale' }
      return
    }
    yield* await stepsOf(context, listOf(body, 'value'), signal)
    const link = textOf(body, '@odata.deltaLink')
    if (link !== null) {
      yield { kind: 'end', cursor: formatCursor(mailbox, link), complete: isFromNothing }
      return
    }
    const onward = textOf(body, '@odata.nextLink')
    if (onward === null) throw new SealpostError('transient', 'graph: a listing ended without its last link')
    next = onward
  }
}

async function stepsOf(
  context: GraphContext,
  items: readonly Json[],
  signal: AbortSignal,
): Promise<readonly Page[]> {
  const listed: Listed[] = []
  const expunged: string[] = []
  const incomplete: string[] = []
  // A message may be named several times (learn.microsoft.com: delta-query-overview): its last state is the one that holds.
  const last = new Map(items.map((item) => [textOf(item, 'id'), item]))
  for (const [key, item] of last) {
    if (key === null) continue
    // `changed` stands for a move to another folder, `deleted` for a deletion; here it is gone either way.
    if (fieldOf(item, '@removed') !== undefined) expunged.push(key)
    else {
      const facts = listedOf(item)
      if (facts === null) incomplete.push(key)
      else listed.push(facts)
    }
  }
  listed.push(...(await askAlone(context, incomplete, signal)))
  const steps: Page[] = []
  if (listed.length > 0) steps.push({ kind: 'messages', messages: listed })
  if (expunged.length > 0) steps.push({ kind: 'expunged', keys: expunged })
  return steps
}

async function askAlone(
  context: GraphContext,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<readonly Listed[]> {
  if (keys.length === 0) return []
  const requests = keys.map((key) => ({
    method: 'GET' as const,
    path: `${messagePath(context, key)}?${ALONE_QUERY}`,
  }))
  const replies = await sendBatch(context, requests, 'asking for messages', signal)
  return replies.flatMap((reply) => {
    // What has gone meanwhile is told by the next listing.
    if (reply.kind === 'error') {
      if (reply.error.kind === 'not-found') return []
      throw reply.error
    }
    const facts = listedAloneOf(reply.body)
    if (facts === null) throw new SealpostError('transient', 'graph: a message came without its flags')
    return [facts]
  })
}

/** The place of a message in paths. */
export function messagePath(context: GraphContext, key: string): string {
  return `${context.client.user}/messages/${encodeURIComponent(key)}`
}

function formatCursor(mailbox: Mailbox, link: string): Cursor {
  return JSON.stringify({ folder: mailbox.name, link })
}

/** The link of a cursor; null when it is none, or that of another folder or service. After a plain list there is none. */
function readCursor(context: GraphContext, mailbox: Mailbox, cursor: Cursor): string | null {
  let parsed: Json
  try {
    parsed = JSON.parse(cursor)
  } catch {
    return null
  }
  const link = textOf(parsed, 'link')
  if (textOf(parsed, 'folder') !== mailbox.name || link === null) return null
  return link === FROM_NOTHING || context.client.leadsHere(link) ? link : null
}
