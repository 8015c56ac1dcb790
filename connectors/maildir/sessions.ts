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
  return {
    capabilities: MAILDIR_CAPABILITIES,
    naming: context.facts.naming,
    get alive() {
      return context.alive
    },
    listMailboxes: (signal) => context.stream('listing mailboxes', signal, () => listMailboxes(context)),
    listMessages: (mailbox, since, signal) =>
      context.stream('listing messages', signal, () => listMessages(context, mailbox, since, signal)),
    fetch: (mailbox, keys, signal) =>
      context.stream('reading messages', signal, () => fetchBodies(context, mailbox, keys, signal)),
    flags: (mailbox, keys, signal) =>
      context.stream('reading flags', signal, () => readFlags(context, mailbox, keys, signal)),
    quota: (signal) => context.run('reading the quota', signal, async () => null),
    close: async () => {
      context.close()
    },
  }
}

/** A session that writes. */
export function createDestinationSession(context: SessionContext): DestinationSession {
  return {
    capabilities: MAILDIR_CAPABILITIES,
    naming: context.facts.naming,
    get alive() {
      return context.alive
    },
    listMailboxes: (signal) => context.stream('listing mailboxes', signal, () => listMailboxes(context)),
    fetch: (mailbox, keys, signal) =>
      context.stream('reading messages', signal, () => fetchBodies(context, mailbox, keys, signal)),
    flags: (mailbox, keys, signal) =>
      context.stream('reading flags', signal, () => readFlags(context, mailbox, keys, signal)),
    quota: (signal) => context.run('reading the quota', signal, async () => null),
    close: async () => {
      context.close()
    },
    ensureMailbox: (path, _specialUse, signal) =>
      context.run('making a mailbox', signal, () => ensureMailbox(context, path)),
    subscribe: (mailbox, signal) => context.run('subscribing', signal, () => subscribe(context, mailbox, signal)),
    position: (mailbox, signal) =>
      context.run('taking the position', signal, () => readPosition(context, mailbox, signal)),
    append: (mailbox, batch, signal) =>
      context.run('storing messages', signal, () => deliver(context, mailbox, batch, signal)),
    find: (mailbox, since, signal) =>
      context.stream('searching messages', signal, () => findCandidates(context, mailbox, since, signal)),
    setFlags: (mailbox, changes, signal) =>
      context.run('setting flags', signal, () => setFlags(context, mailbox, changes, signal)),
    move: (from, keys, to, signal) =>
      context.run('moving messages', signal, () => moveMessages(context, from, keys, to, signal)),
    addToMailbox: (_key, _mailbox, signal) =>
      context.run('adding a label', signal, async () => {
        throw new SealpostError('bug', 'this end has no labels')
      }),
  }
}
