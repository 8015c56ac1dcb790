import type { Capabilities, DestinationSession, SourceSession } from '../../src/core/connector.ts'
import { SealpostError, throwIfAborted, toSealpostError } from '../../src/core/errors.ts'
import type { Fetched, FlagState, Mailbox, MailboxNaming, Quota } from '../../src/core/mail.ts'
import type { StoredForProbe } from '../../src/core/ports.ts'
import type { ProbeFinding } from '../../src/core/probe.ts'
import { append } from './append.ts'
import { move, readQuota, setFlags } from './change-flags.ts'
import type { Context } from './context.ts'
import { fetchBodies } from './fetch-bodies.ts'
import { find, position, readFlags } from './find.ts'
import { listMessages } from './list-messages.ts'
import { ensureMailbox, listMailboxes, subscribe } from './mailboxes.ts'
import { probe, probeWriting } from './probe.ts'

/** What both kinds of session can do: it sends no command that changes anything. */
function reading(context: Context, capabilities: Capabilities, naming: MailboxNaming) {
  return {
    capabilities,
    naming,
    async *listMailboxes(signal: AbortSignal): AsyncGenerator<Mailbox> {
      yield* await guarded('listing mailboxes', signal, () =>
        context.turns.take(() => listMailboxes(context, signal)),
      )
    },
    fetch: (mailbox: Mailbox, keys: readonly string[], signal: AbortSignal): AsyncIterable<Fetched> =>
      guardedItems('reading messages', signal, fetchBodies(context, mailbox, keys, signal)),
    flags: (mailbox: Mailbox, keys: readonly string[], signal: AbortSignal): AsyncIterable<FlagState> =>
      guardedItems('reading flags', signal, readFlags(context, mailbox, keys, signal)),
    quota: (signal: AbortSignal): Promise<Quota | null> =>
      guarded('reading the quota', signal, () => context.turns.take(() => readQuota(context, signal))),
    async *probe(signal: AbortSignal): AsyncGenerator<ProbeFinding> {
      yield* await guarded('asking the server about itself', signal, () =>
        context.turns.take(() => probe(context, signal)),
      )
    },
    close: (): Promise<void> => context.connection.close(),
  }
}

/** A session that reads one account. Everything it opens, it opens with EXAMINE (invariant 1). */
export function sourceSession(context: Context, capabilities: Capabilities, naming: MailboxNaming): SourceSession {
  return {
    ...reading(context, capabilities, naming),
    get alive(): boolean {
      return context.connection.alive
    },
    listMessages: (mailbox, since, signal) =>
      guardedItems('listing messages', signal, listMessages(context, mailbox, since, signal)),
  }
}

/** A session that writes one account. It has no command that expunges or deletes (invariant 1). */
export function destinationSession(
  context: Context,
  capabilities: Capabilities,
  naming: MailboxNaming,
): DestinationSession {
  const { turns } = context
  const take = <T>(what: string, signal: AbortSignal, operation: () => Promise<T>): Promise<T> =>
    guarded(what, signal, () => turns.take(operation))
  return {
    ...reading(context, capabilities, naming),
    get alive(): boolean {
      return context.connection.alive
    },
    ensureMailbox: (path, use, signal) =>
      take('making a mailbox', signal, () => ensureMailbox(context, naming, path, use, signal)),
    subscribe: (mailbox, signal) => take('subscribing', signal, () => subscribe(context, mailbox, signal)),
    position: (mailbox, signal) => take('reading the position', signal, () => position(context, mailbox, signal)),
    append: (mailbox, batch, signal) =>
      take('storing messages', signal, () =>
        append(context, mailbox, batch, capabilities.maxMessageBytes, signal),
      ),
    find: (mailbox, since, signal) =>
      guardedItems('looking for messages', signal, find(context, mailbox, since, signal)),
    setFlags: (mailbox, changes, signal) =>
      take('changing flags', signal, () => setFlags(context, mailbox, changes, signal)),
    move: (from, keys, to, signal) => take('moving messages', signal, () => move(context, from, keys, to, signal)),
    addToMailbox: async () => {
      throw new SealpostError('bug', 'imap: a message lies in one mailbox')
    },
    async *probeWriting(scratch, signal) {
      yield* await take('comparing clocks', signal, () => probeWriting(context, scratch, signal))
      if (context.guide === null) return
      const stored: StoredForProbe[] = []
      for await (const { messageId, internalDate, flags } of find(context, scratch, null, signal)) {
        if (messageId !== null) stored.push({ messageId, internalDate, flags })
      }
      yield* context.guide.probeWriting(scratch.path, stored, signal)
    },
    ...endingOf(context),
  }
}

/** IMAP alone has no way to put a mailbox into the trash that is sure not to lose it. */
function endingOf({ guide }: Context): Pick<DestinationSession, 'endProbe'> {
  const end = guide?.endProbe
  return end == null ? {} : { endProbe: (scratch, signal) => end(scratch.path, signal) }
}

async function guarded<T>(what: string, signal: AbortSignal, operation: () => Promise<T>): Promise<T> {
  try {
    throwIfAborted(signal)
    return await operation()
  } catch (error) {
    throw toSealpostError(error, `imap: ${what}`)
  }
}

async function* guardedItems<T>(what: string, signal: AbortSignal, items: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    throwIfAborted(signal)
    for await (const item of items) {
      throwIfAborted(signal)
      yield item
    }
  } catch (error) {
    throw toSealpostError(error, `imap: ${what}`)
  }
}
