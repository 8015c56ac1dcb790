import type { Capabilities, DestinationSession, SourceSession } from '../../src/core/connector.ts'
import { isKind, throwIfAborted, toSealpostError } from '../../src/core/errors.ts'
import type { Mailbox } from '../../src/core/mail.ts'
import { append } from './append.ts'
import { addToMailbox, move, setFlags } from './change-labels.ts'
import type { Limits } from './config.ts'
import type { Context } from './context.ts'
import { fetchBodies } from './fetch-bodies.ts'
import { find, position, readFlags } from './find.ts'
import { GMAIL_NAMING } from '../shared/gmail-naming.ts'
import { listMessages } from './list-messages.ts'
import { endProbe, probeWriting } from './probe-writing.ts'

/** What the engine is told about a session. */
export function capabilitiesOf(limits: Limits): Capabilities {
  return {
    sessions: limits.sessions,
    appendBatch: { messages: 1, bytes: Number.MAX_SAFE_INTEGER },
    maxMessageBytes: limits.maxMessageBytes,
    keepsBytes: true,
    // Only the time of the Date header can be asked for.
    keepsInternalDate: false,
    keywords: 'listed',
    labels: true,
    keyOnAppend: true,
    delta: 'history',
    merges: 'message-id',
    move: true,
    readable: true,
  }
}

function reading(context: Context) {
  return {
    capabilities: capabilitiesOf(context.api.limits),
    naming: GMAIL_NAMING,
    async *listMailboxes(signal: AbortSignal): AsyncGenerator<Mailbox> {
      const labels = await guarded(context, 'listing mailboxes', signal, () => context.labels.list(signal))
      for (const { mailbox } of labels) yield mailbox
    },
    fetch: (mailbox: Mailbox, keys: readonly string[], signal: AbortSignal) =>
      guardedItems(context, 'reading messages', signal, fetchBodies(context, mailbox, keys, signal)),
    flags: (mailbox: Mailbox, keys: readonly string[], signal: AbortSignal) =>
      guardedItems(context, 'reading flags', signal, readFlags(context, mailbox, keys, signal)),
    // The API does not tell: storage is shared with the user's other Google services.
    quota: (signal: AbortSignal): Promise<null> => guarded(context, 'reading the quota', signal, async () => null),
    close: async (): Promise<void> => {
      context.close()
    },
  }
}

/** A session that reads one account: it calls no method that changes anything (invariant 1). */
export function sourceSession(context: Context): SourceSession {
  return {
    ...reading(context),
    get alive(): boolean {
      return context.alive
    },
    listMessages: (mailbox, since, signal) =>
      guardedItems(context, 'listing messages', signal, listMessages(context, mailbox, since, signal)),
  }
}

/** A session that writes one account: it calls no method that deletes (invariant 1). */
export function destinationSession(context: Context): DestinationSession {
  const take = <T>(what: string, signal: AbortSignal, operation: () => Promise<T>): Promise<T> =>
    guarded(context, what, signal, operation)
  return {
    ...reading(context),
    get alive(): boolean {
      return context.alive
    },
    ensureMailbox: (path, _use, signal) =>
      take('making a label', signal, () => context.labels.ensure(path, signal)),
    subscribe: (mailbox, signal) =>
      take('showing a label', signal, async () =>
        context.labels.show(await context.labels.of(mailbox, signal), signal),
      ),
    position: (mailbox, signal) => take('reading the position', signal, () => position(context, mailbox, signal)),
    append: (mailbox, batch, signal) =>
      take('storing a message', signal, () => append(context, mailbox, batch, signal)),
    find: (mailbox, since, signal) =>
      guardedItems(context, 'looking for messages', signal, find(context, mailbox, since, signal)),
    setFlags: (mailbox, changes, signal) =>
      take('changing flags', signal, async () => {
        await context.labels.of(mailbox, signal)
        return setFlags(context, changes, signal)
      }),
    move: (from, keys, to, signal) => take('moving messages', signal, () => move(context, from, keys, to, signal)),
    addToMailbox: (key, mailbox, signal) =>
      take('adding a label', signal, () => addToMailbox(context, key, mailbox, signal)),
    probeWriting: (scratch, signal) =>
      guardedItems(context, 'trying what Gmail takes', signal, probeWriting(context, scratch, signal)),
    endProbe: (scratch, signal) =>
      guardedItems(context, 'ending the trial', signal, endProbe(context, scratch, signal)),
  }
}

async function guarded<T>(
  context: Context,
  what: string,
  signal: AbortSignal,
  operation: () => Promise<T>,
): Promise<T> {
  try {
    context.check(signal)
    return await operation()
  } catch (error) {
    throw ended(context, toSealpostError(error, `Gmail: ${what}`))
  }
}

async function* guardedItems<T>(
  context: Context,
  what: string,
  signal: AbortSignal,
  items: AsyncGenerator<T>,
): AsyncGenerator<T> {
  try {
    context.check(signal)
    for await (const item of items) {
      throwIfAborted(signal)
      yield item
    }
  } catch (error) {
    throw ended(context, toSealpostError(error, `Gmail: ${what}`))
  }
}

/** A login that is refused, or a service that cannot be reached, ends the session; the next one opens anew. */
function ended<E extends Error>(context: Context, error: E): E {
  if (isKind(error, 'auth', 'config')) context.close()
  return error
}
