import type { Capabilities, DestinationSession, SourceSession } from '../../src/core/connector.ts'
import { SealpostError, toSealpostError } from '../../src/core/errors.ts'
import type { Fetched, FlagState, Mailbox, MailboxNaming, Quota } from '../../src/core/mail.ts'
import { append } from './append.ts'
import { move, readQuota, setFlags } from './change-flags.ts'
import type { Context } from './context.ts'
import { fetchBodies } from './fetch-bodies.ts'
import { find, position, readFlags } from './find.ts'
import { listMessages } from './list-messages.ts'
import { ensureMailbox, listMailboxes, subscribe } from './mailboxes.ts'

/** What both kinds of session can do: it sends no command that changes anything. */
function reading(context: Context, capabilities: Capabilities, naming: MailboxNaming) {
  return {
    capabilities,
    naming,
    async *listMailboxes(signal: AbortSignal): AsyncGenerator<Mailbox> {
      yield* await guarded('listing mailboxes', () => context.turns.take(() => listMailboxes(context, signal)))
    },
    fetch: (mailbox: Mailbox, keys: readonly string[], signal: AbortSignal): AsyncIterable<Fetched> =>
      guardedItems('reading messages', fetchBodies(context, mailbox, keys, signal)),
    flags: (mailbox: Mailbox, keys: readonly string[], signal: AbortSignal): AsyncIterable<FlagState> =>
      guardedItems('reading flags', readFlags(context, mailbox, keys, signal)),
    quota: (signal: AbortSignal): Promise<Quota | null> =>
      guarded('reading the quota', () => context.turns.take(() => readQuota(context, signal))),
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
      guardedItems('listing messages', listMessages(context, mailbox, since, signal)),
  }
}

/** A session that writes one account. It has no command that expunges or deletes (invariant 1). */
export function destinationSession(
  context: Context,
  capabilities: Capabilities,
  naming: MailboxNaming,
): DestinationSession {
  const { turns } = context
  const take = <T>(what: string, operation: () => Promise<T>): Promise<T> =>
    guarded(what, () => turns.take(operation))
  return {
    ...reading(context, capabilities, naming),
    get alive(): boolean {
      return context.connection.alive
    },
    ensureMailbox: (path, use, signal) =>
      take('making a mailbox', () => ensureMailbox(context, naming, path, use, signal)),
    subscribe: (mailbox, signal) => take('subscribing', () => subscribe(context, mailbox, signal)),
    position: (mailbox, signal) => take('reading the position', () => position(context, mailbox, signal)),
    append: (mailbox, batch, signal) =>
      take('storing messages', () => append(context, mailbox, batch, capabilities.maxMessageBytes, signal)),
    find: (mailbox, since, signal) => guardedItems('looking for messages', find(context, mailbox, since, signal)),
    setFlags: (mailbox, changes, signal) =>
      take('changing flags', () => setFlags(context, mailbox, changes, signal)),
    move: (from, keys, to, signal) => take('moving messages', () => move(context, from, keys, to, signal)),
    addToMailbox: async () => {
      throw new SealpostError('bug', 'imap: a message lies in one mailbox')
    },
  }
}

async function guarded<T>(what: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation()
  } catch (error) {
    throw toSealpostError(error, `imap: ${what}`)
  }
}

async function* guardedItems<T>(what: string, items: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    yield* items
  } catch (error) {
    throw toSealpostError(error, `imap: ${what}`)
  }
}
