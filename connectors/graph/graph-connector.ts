import type { Capabilities, Connector } from '../../src/core/connector.ts'
import { tenantOf } from './account-client.ts'
import { mostBytes } from './append.ts'
import { limitsOf, type GraphEndConfig, type WriteMode } from './config.ts'
import { guarded, type GraphContext } from './context.ts'
import { readMessage } from './fetch-bodies.ts'
import { readOriginal } from './read-original.ts'
import { destinationSession, sourceSession } from './session.ts'

/**
 * Mailboxes of a Microsoft 365 tenant over Microsoft Graph, with app-only tokens. Throws `config` at once for a pin that is
 * none. Opening a session asks one question of the mailbox, and throws `auth` (token, consent), `config` (no licence, no such
 * user, not in the app's scope) or `transient`. Retries nothing.
 */
export function createGraphConnector(config: GraphEndConfig): Connector {
  const limits = limitsOf(config)
  const tenant = tenantOf(config)
  const open = async (account: string, signal: AbortSignal): Promise<GraphContext> => {
    const context = tenant.contextOf(account)
    const { client } = context
    // The first word of a session says whether the mailbox can be had at all.
    await guarded(context, 'opening the mailbox', signal, () =>
      client.get(`${client.user}/mailFolders/inbox?$select=id`, 'opening the mailbox', signal),
    )
    return context
  }
  const write: WriteMode = config.write ?? { mode: 'drafts-only', attachOriginal: false }
  const capabilities = capabilitiesOf(limits.sessions, mostBytes(write))
  return {
    ...(config.credentialOf === undefined ? {} : { credentialOf: config.credentialOf }),
    openSource: async (account, signal) => {
      const readOne = config.readOriginals === true ? readOriginal : readMessage
      return sourceSession(await open(account, signal), capabilities, readOne)
    },
    // A copy that carries its original is known again by it, so that reconcile is sure.
    openDestination: async (account, signal) =>
      destinationSession(await open(account, signal), capabilities, readOriginal, write),
  }
}

function capabilitiesOf(sessions: number, maxMessageBytes: number): Capabilities {
  return {
    sessions,
    appendBatch: { messages: 1, bytes: Number.MAX_SAFE_INTEGER },
    maxMessageBytes,
    // Exchange keeps properties and makes the text of a message anew from them.
    keepsBytes: false,
    keepsInternalDate: true,
    keywords: 'any',
    labels: false,
    keyOnAppend: true,
    delta: 'token',
    merges: 'none',
    move: true,
    readable: true,
  }
}
