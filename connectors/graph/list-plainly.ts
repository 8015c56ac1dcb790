import type { Page } from '../../src/core/connector.ts'
import { SealpostError } from '../../src/core/errors.ts'
import type { Listed, Mailbox } from '../../src/core/mail.ts'
import type { GraphContext } from './context.ts'
import { folderPath, pagesOf } from './folders.ts'
import { ALONE_QUERY, listedAloneOf } from './message-facts.ts'

const MOST_ROUNDS = 3

/**
 * Lists a folder without its delta: everything is named, and there is nothing to go on from but `cursor`, which says so.
 *
 * Pages are counted out (`$skip`): where a message is removed meanwhile, another one is passed over. So they are gone through
 * again until two rounds in a row have seen the same, and what the one before has not named is named then. Where the folder does
 * not come to rest the listing is not complete, so that nothing is taken as gone.
 */
export async function* listPlainly(
  context: GraphContext,
  mailbox: Mailbox,
  cursor: string,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  const size = context.limits.pageMessages
  const path = `${folderPath(context, mailbox.name)}/messages?$top=${size}&${ALONE_QUERY}`
  const named = new Set<string>()
  let before: ReadonlySet<string> | null = null
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const seen = new Set<string>()
    let fresh: Listed[] = []
    for await (const item of pagesOf(context, path, signal)) {
      const listed = listedAloneOf(item)
      if (listed === null) throw new SealpostError('transient', 'graph: a message came without its flags')
      seen.add(listed.key)
      if (!named.has(listed.key)) fresh.push(listed)
      named.add(listed.key)
      if (fresh.length < size) continue
      yield { kind: 'messages', messages: fresh }
      fresh = []
    }
    if (fresh.length > 0) yield { kind: 'messages', messages: fresh }
    if (before !== null && isSame(before, seen)) {
      yield { kind: 'end', cursor, complete: true }
      return
    }
    before = seen
  }
  yield { kind: 'end', cursor, complete: false }
}

function isSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((key) => b.has(key))
}
