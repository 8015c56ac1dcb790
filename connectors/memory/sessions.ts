import type { DestinationSession, SourceSession } from '../../src/core/connector.ts'
import { appendBatch } from './append.ts'
import { listMessages } from './listing.ts'
import { close, fetchBodies, listMailboxes, readFlags, readQuota } from './reading.ts'
import type { SessionContext } from './session-context.ts'
import {
  addToMailbox,
  ensureMailbox,
  findCandidates,
  moveMessages,
  readPosition,
  setFlags,
  subscribe,
} from './writing.ts'

/** A session that reads. */
export function createSourceSession(context: SessionContext): SourceSession {
  return {
    capabilities: context.capabilities,
    naming: context.naming,
    get alive() {
      return context.alive
    },
    listMailboxes: (signal) => listMailboxes(context, signal),
    listMessages: (mailbox, since, signal) => listMessages(context, mailbox, since, signal),
    fetch: (mailbox, keys, signal) => fetchBodies(context, mailbox, keys, signal),
    flags: (mailbox, keys, signal) => readFlags(context, mailbox, keys, signal),
    quota: (signal) => readQuota(context, signal),
    close: () => close(context),
  }
}

/** A session that writes. */
export function createDestinationSession(context: SessionContext): DestinationSession {
  return {
    capabilities: context.capabilities,
    naming: context.naming,
    get alive() {
      return context.alive
    },
    listMailboxes: (signal) => listMailboxes(context, signal),
    fetch: (mailbox, keys, signal) => fetchBodies(context, mailbox, keys, signal),
    flags: (mailbox, keys, signal) => readFlags(context, mailbox, keys, signal),
    quota: (signal) => readQuota(context, signal),
    close: () => close(context),
    ensureMailbox: (path, specialUse, signal) => ensureMailbox(context, path, specialUse, signal),
    subscribe: (mailbox, signal) => subscribe(context, mailbox, signal),
    position: (mailbox, signal) => readPosition(context, mailbox, signal),
    append: (mailbox, batch, signal) => appendBatch(context, mailbox, batch, signal),
    find: (mailbox, since, signal) => findCandidates(context, mailbox, since, signal),
    setFlags: (mailbox, changes, signal) => setFlags(context, mailbox, changes, signal),
    move: (from, keys, to, signal) => moveMessages(context, from, keys, to, signal),
    addToMailbox: (key, mailbox, signal) => addToMailbox(context, key, mailbox, signal),
  }
}
