import type { Capabilities, SourceSession } from '../../src/core/connector.ts'
import type { Fetched, FlagState, Mailbox, MailboxNaming, Quota } from '../../src/core/mail.ts'
import { checkOpen, guarded, guardedItems, type GraphContext } from './context.ts'
import { fetchBodies, type ReadOne } from './fetch-bodies.ts'
import { listFolders } from './folders.ts'
import { listMessages } from './list-messages.ts'
import { readFlags } from './read-flags.ts'

/** What names Exchange Online stores. It tells no capitals apart, and drops blanks at the end. */
export const GRAPH_NAMING: MailboxNaming = {
  delimiter: '/',
  forbidden: '',
  maxLevelBytes: 200,
  caseSensitive: false,
  belowInbox: false,
}

/** What both kinds of session can do: it sends no request that changes anything. */
export function reading(context: GraphContext, capabilities: Capabilities, readOne: ReadOne) {
  return {
    capabilities,
    naming: GRAPH_NAMING,
    async *listMailboxes(signal: AbortSignal): AsyncGenerator<Mailbox> {
      const folders = await guarded(context, 'listing mailboxes', signal, () => listFolders(context, signal))
      for (const { mailbox } of folders) yield mailbox
    },
    fetch: (_mailbox: Mailbox, keys: readonly string[], signal: AbortSignal): AsyncIterable<Fetched> =>
      guardedItems(context, 'reading messages', signal, fetchBodies(context, keys, readOne, signal)),
    flags: (_mailbox: Mailbox, keys: readonly string[], signal: AbortSignal): AsyncIterable<FlagState> =>
      guardedItems(context, 'reading flags', signal, readFlags(context, keys, signal)),
    quota: (signal: AbortSignal): Promise<Quota | null> =>
      guarded(context, 'reading the quota', signal, () => readQuota(context, signal)),
    close: async (): Promise<void> => {
      context.alive = false
    },
  }
}

/** A session that reads one mailbox. */
export function sourceSession(context: GraphContext, capabilities: Capabilities, readOne: ReadOne): SourceSession {
  return {
    ...reading(context, capabilities, readOne),
    get alive(): boolean {
      return context.alive
    },
    listMessages: (mailbox, since, signal) =>
      guardedItems(context, 'listing messages', signal, listMessages(context, mailbox, since, signal)),
  }
}

/** What lies in the folders. The limit stands in the tenant's report alone, which a destination's guide reads. */
async function readQuota(context: GraphContext, signal: AbortSignal): Promise<Quota | null> {
  checkOpen(context, signal)
  const folders = await listFolders(context, signal)
  if (folders.every(({ bytes }) => bytes === null)) return null
  return { usedBytes: folders.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0), limitBytes: null }
}
