import type { Connector, SourceSession } from '../../src/core/connector.ts'
import { SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import { factOf, type ProbeFinding } from '../../src/core/probe.ts'
import { toFileError } from '../shared/file-errors.ts'
import { fetchBodies, readFlags } from './bodies.ts'
import { IndexCache } from './index-cache.ts'
import { listMessages } from './listing.ts'
import { listMailboxes } from './mailboxes.ts'
import { LARGE_MESSAGE_BYTES, MBOX_CAPABILITIES, MBOX_NAMING, type MboxOptions } from './options.ts'
import { SessionContext } from './session-context.ts'
import { openRoot } from './tree.ts'

/**
 * Mbox files as the source of a project: a single file, a folder of Thunderbird or Apple Mail, a Google Takeout. The files
 * are only read; opening one as a destination throws `config`, and so does opening a source that is not there.
 */
export function createMboxConnector(options: MboxOptions): Connector {
  const cache = new IndexCache(options.clock, options.quoting)
  return {
    openSource: async (account, signal) => {
      throwIfAborted(signal)
      try {
        const root = await openRoot(account, options.path(account))
        const largeMessageBytes = options.largeMessageBytes ?? LARGE_MESSAGE_BYTES
        const facts = { account, root, quoting: options.quoting, largeMessageBytes, cache }
        return createSession(new SessionContext(facts))
      } catch (error) {
        throw toFileError(error, `opening the mbox of account ${account}`)
      }
    },
    openDestination: async () => {
      throw new SealpostError('config', 'an mbox is only read: it cannot be a destination', {
        hint: 'use kind: maildir',
      })
    },
  }
}

function createSession(context: SessionContext): SourceSession {
  const { operations } = context
  return {
    capabilities: MBOX_CAPABILITIES,
    naming: MBOX_NAMING,
    get alive() {
      return operations.alive
    },
    listMailboxes: (signal) =>
      operations.stream('listing mailboxes', signal, () => listMailboxes(context, signal)),
    listMessages: (mailbox, since, signal) =>
      operations.stream('listing messages', signal, () => listMessages(context, mailbox, since, signal)),
    fetch: (mailbox, keys, signal) =>
      operations.stream('reading messages', signal, () => fetchBodies(context, mailbox, keys, signal)),
    flags: (mailbox, keys, signal) =>
      operations.stream('reading flags', signal, () => readFlags(context, mailbox, keys, signal)),
    quota: (signal) => operations.run('reading the quota', signal, async () => null),
    probe: (signal) => operations.stream('looking at the files', signal, () => probe(context, signal)),
    close: async () => operations.end(),
  }
}

async function* probe(context: SessionContext, signal: AbortSignal): AsyncGenerator<ProbeFinding> {
  const { folders, takeout, fileless } = await context.look(signal)
  const files = folders.filter(({ file }) => file !== null).length
  yield factOf('mbox-files', `${files} mbox files, ${takeout.length} of Google Takeout`)
  if (fileless > 0) {
    const text = `${fileless} Thunderbird folders have an index and no mail file: their mail is not here`
    const hint = 'have them synchronised for offline use, or move them from their server'
    yield { code: 'mbox-fileless', state: 'adverse', text, hint }
  }
}
