import { createHash } from 'node:crypto'
import type { Cursor, Page } from '../../src/core/connector.ts'
import { throwIfAborted } from '../../src/core/errors.ts'
import type { Listed, Mailbox } from '../../src/core/mail.ts'
import { entryOf, type Part, type SessionContext } from './session-context.ts'
import type { Indexed } from './index-cache.ts'

const PAGE_MESSAGES = 500
/** Stands in a cursor for files that had changed just before, so that their next change might not show. */
const UNSURE = '-'

/**
 * `SourceSession.listMessages`: all messages each time, unless no file of the mailbox has changed since the cursor was
 * taken. A message that several files of a Takeout hold, as when labels were exported one by one, is one message.
 */
export async function* listMessages(
  context: SessionContext,
  mailbox: Mailbox,
  since: Cursor | null,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  if (since !== null && !/^1:(-|[0-9a-f]{32})$/.test(since)) {
    yield { kind: 'stale' }
    return
  }
  // A file may have come meanwhile, or a mailbox that was listed have got its first one.
  await context.look(signal)
  const parts = await context.parts(mailbox, signal)
  const indexed: Indexed[] = []
  for (const { file } of parts) indexed.push(await context.facts.cache.current(file, signal))
  const cursor = cursorOf(indexed)
  if (since === cursor && cursor !== `1:${UNSURE}`) {
    yield { kind: 'end', cursor, complete: false }
    return
  }
  yield* messagesOf(parts, indexed, signal)
  yield { kind: 'end', cursor, complete: true }
}

async function* messagesOf(
  parts: readonly Part[],
  indexed: readonly Indexed[],
  signal: AbortSignal,
): AsyncGenerator<Page> {
  let messages: Listed[] = []
  for (const [number, part] of parts.entries()) {
    const index = indexed[number]?.index
    const earlier = indexed.slice(0, number)
    for (let at = 0; index !== undefined && at < index.count; at++) {
      const entry = entryOf(part, index.entry(at))
      if (entry === null) continue
      const key = index.key(at)
      if (earlier.some((other, each) => entryOf(parts[each] ?? part, other.index.find(key)) !== null)) continue
      const { wireBytes, internalDate, flags } = entry
      messages.push({ key, bytes: wireBytes, internalDate, flags })
      if (messages.length < PAGE_MESSAGES) continue
      throwIfAborted(signal)
      yield { kind: 'messages', messages }
      messages = []
    }
  }
  if (messages.length > 0) yield { kind: 'messages', messages }
}

function cursorOf(indexed: readonly Indexed[]): Cursor {
  if (indexed.some(({ isSure }) => !isSure)) return `1:${UNSURE}`
  const hash = createHash('sha256')
  for (const { index } of indexed) hash.update(`${index.identity}\n`)
  return `1:${hash.digest('hex').slice(0, 32)}`
}
