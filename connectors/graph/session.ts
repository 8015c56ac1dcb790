import type { Capabilities, DestinationSession, SourceSession } from '../../src/core/connector.ts'
import { SealpostError } from '../../src/core/errors.ts'
import type { Fetched, FlagState, Mailbox, Quota } from '../../src/core/mail.ts'
import { append } from './append.ts'
import { move, setFlags } from './change-messages.ts'
import type { WriteMode } from './config.ts'
import { checkOpen, guarded, guardedItems, type GraphContext } from './context.ts'
import { ensureMailbox } from './ensure-mailbox.ts'
import { fetchBodies, type ReadOne } from './fetch-bodies.ts'
import { listFolders } from './folders.ts'
import { listMessages } from './list-messages.ts'
import { GRAPH_NAMING } from './naming.ts'
import { find, position } from './position.ts'
import { endProbe, probeWriting } from './probe-writing.ts'
import { readFlags } from './read-flags.ts'

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

/** A session that writes one mailbox. It has no request that deletes (invariant 1). */
export function destinationSession(
  context: GraphContext,
  capabilities: Capabilities,
  readOne: ReadOne,
  write: WriteMode,
): DestinationSession {
  const take = <T>(what: string, signal: AbortSignal, operation: () => Promise<T>): Promise<T> =>
    guarded(context, what, signal, operation)
  return {
    ...reading(context, capabilities, readOne),
    get alive(): boolean {
      return context.alive
    },
    ensureMailbox: (path, _use, signal) =>
      take('making a mailbox', signal, () => ensureMailbox(context, path, signal)),
    // Outlook shows every folder.
    subscribe: (_mailbox, signal) => take('subscribing', signal, async () => undefined),
    position: (mailbox, signal) => take('reading the position', signal, () => position(context, mailbox, signal)),
    append: (mailbox, batch, signal) =>
      take('storing messages', signal, () => append(context, mailbox, batch, write, signal)),
    find: (mailbox, since, signal) =>
      guardedItems(context, 'looking for messages', signal, find(context, mailbox, since, signal)),
    setFlags: (_mailbox, changes, signal) =>
      take('changing flags', signal, () => setFlags(context, changes, signal)),
    move: (_from, keys, to, signal) => take('moving messages', signal, () => move(context, keys, to, signal)),
    addToMailbox: async () => {
      throw new SealpostError('bug', 'graph: a message lies in one folder')
    },
    probeWriting: ({ name }, signal) =>
      guardedItems(context, 'trying what Graph takes', signal, probeWriting(context, name, [], signal)),
    endProbe: ({ name }, signal) =>
      guardedItems(context, 'ending the trial', signal, endProbe(context, name, signal)),
  }
}

/** What lies in the folders. The limit stands in the tenant's report alone, which a destination's guide reads. */
async function readQuota(context: GraphContext, signal: AbortSignal): Promise<Quota | null> {
  checkOpen(context, signal)
  const folders = await listFolders(context, signal)
  if (folders.every(({ bytes }) => bytes === null)) return null
  return { usedBytes: folders.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0), limitBytes: null }
}
