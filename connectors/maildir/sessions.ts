import type { DestinationSession, SourceSession } from '../../src/core/connector.ts'
import { SealpostError } from '../../src/core/errors.ts'
import { fetchBodies, readFlags } from './bodies.ts'
import { moveMessages, setFlags } from './changes.ts'
import { deliver } from './deliver.ts'
import { listMessages } from './listing.ts'
import { findCandidates } from './find.ts'
import { ensureMailbox, listMailboxes, subscribe } from './mailboxes.ts'
import { MAILDIR_CAPABILITIES } from './options.ts'
import { readPosition } from './position.ts'
import type { SessionContext } from './session-context.ts'

/** A session that reads, and leaves every file and name as it is. */
export function createSourceSession(context: SessionContext): SourceSession {
  const { operations } = context
  return {
    ...reading(context),
    get alive() {
      return operations.alive
    },
    listMessages: (mailbox, since, signal) =>
      operations.stream('listing messages', signal, () => listMessages(context, mailbox, since, signal)),
  }
}

/** A session that writes. */
export function createDestinationSession(context: SessionContext): DestinationSession {
  const { operations } = context
  return {
    ...reading(context),
    get alive() {
      return operations.alive
    },
    ensureMailbox: (path, _specialUse, signal) =>
      operations.run('making a mailbox', signal, () => ensureMailbox(context, path)),
    subscribe: (mailbox, signal) =>
      operations.run('subscribing', signal, () => subscribe(context, mailbox, signal)),
    position: (mailbox, signal) =>
      operations.run('taking the position', signal, () => readPosition(context, mailbox, signal)),
    append: (mailbox, batch, signal) =>
      operations.run('storing messages', signal, () => deliver(context, mailbox, batch, signal)),
    find: (mailbox, since, signal) =>
      operations.stream('searching messages', signal, () => findCandidates(context, mailbox, since, signal)),
    setFlags: (mailbox, changes, signal) =>
      operations.run('setting flags', signal, () => setFlags(context, mailbox, changes, signal)),
    move: (from, keys, to, signal) =>
      operations.run('moving messages', signal, () => moveMessages(context, from, keys, to, signal)),
    addToMailbox: (_key, _mailbox, signal) =>
      operations.run('adding a label', signal, async () => {
        throw new SealpostError('bug', 'this end has no labels')
      }),
  }
}

/** What both kinds of session do; `alive` is a getter and would be copied as it is now. */
function reading(context: SessionContext) {
  const { operations } = context
  return {
    capabilities: MAILDIR_CAPABILITIES,
    naming: context.facts.naming,
    listMailboxes: (signal) => operations.stream('listing mailboxes', signal, () => listMailboxes(context)),
    fetch: (mailbox, keys, signal) =>
      operations.stream('reading messages', signal, () => fetchBodies(context, mailbox, keys, signal)),
    flags: (mailbox, keys, signal) =>
      operations.stream('reading flags', signal, () => readFlags(context, mailbox, keys, signal)),
    quota: (signal) => operations.run('reading the quota', signal, async () => null),
    close: async () => context.close(),
  } satisfies Partial<SourceSession> & Partial<DestinationSession>
}
