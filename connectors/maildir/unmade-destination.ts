import type { DestinationSession } from '../../src/core/connector.ts'
import type { MailboxNaming } from '../../src/core/mail.ts'
import { INBOX_NAME } from './folder-names.ts'
import { MAILDIR_CAPABILITIES } from './options.ts'

/**
 * A session for a Maildir that is not there yet: looking at it shows an empty inbox and makes nothing, so that a plan
 * changes nothing. The first operation that needs the Maildir makes it, by `make`, and everything after goes there.
 */
export function createUnmadeDestination(
  naming: MailboxNaming,
  make: (signal: AbortSignal) => Promise<DestinationSession>,
): DestinationSession {
  let made: Promise<DestinationSession> | null = null
  let session: DestinationSession | null = null
  const real = async (signal: AbortSignal): Promise<DestinationSession> => {
    made ??= make(signal)
    session = await made.catch((error: unknown) => {
      made = null
      throw error
    })
    return session
  }
  return {
    capabilities: MAILDIR_CAPABILITIES,
    naming,
    get alive() {
      return session?.alive ?? true
    },
    listMailboxes: async function* (signal) {
      if (session !== null) yield* session.listMailboxes(signal)
      else yield { path: ['INBOX'], name: INBOX_NAME, specialUse: 'inbox', selectable: true, subscribed: false }
    },
    quota: async () => null,
    close: async () => {
      await (await made?.catch(() => null))?.close()
    },
    fetch: async function* (mailbox, keys, signal) {
      yield* (await real(signal)).fetch(mailbox, keys, signal)
    },
    flags: async function* (mailbox, keys, signal) {
      yield* (await real(signal)).flags(mailbox, keys, signal)
    },
    find: async function* (mailbox, since, signal) {
      yield* (await real(signal)).find(mailbox, since, signal)
    },
    ensureMailbox: async (path, use, signal) => (await real(signal)).ensureMailbox(path, use, signal),
    subscribe: async (mailbox, signal) => (await real(signal)).subscribe(mailbox, signal),
    position: async (mailbox, signal) => (await real(signal)).position(mailbox, signal),
    append: async (mailbox, batch, signal) => (await real(signal)).append(mailbox, batch, signal),
    setFlags: async (mailbox, changes, signal) => (await real(signal)).setFlags(mailbox, changes, signal),
    move: async (from, keys, to, signal) => (await real(signal)).move(from, keys, to, signal),
    addToMailbox: async (key, mailbox, signal) => (await real(signal)).addToMailbox(key, mailbox, signal),
  }
}
