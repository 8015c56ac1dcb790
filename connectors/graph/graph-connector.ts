import type { Capabilities, Connector } from '../../src/core/connector.ts'
import { SealpostError, toSealpostError } from '../../src/core/errors.ts'
import { HttpsClient } from '../shared/https-client.ts'
import { assertTransportAllowed, type TlsPolicy } from '../shared/tls.ts'
import { GraphClient } from './client.ts'
import { limitsOf, type GraphEndConfig } from './config.ts'
import type { GraphContext } from './context.ts'
import { readMessage } from './fetch-bodies.ts'
import { RequestGate } from './request-gate.ts'
import { sourceSession } from './session.ts'

/**
 * Mailboxes of a Microsoft 365 tenant over Microsoft Graph, with app-only tokens. Throws `config` at once for a pin that is
 * none. Opening a session asks one question of the mailbox, and throws `auth` (token, consent), `config` (no licence, no such
 * user, not in the app's scope) or `transient`. Retries nothing.
 */
export function createGraphConnector(config: GraphEndConfig): Connector {
  const tls: TlsPolicy = { mode: 'implicit', ...config.tls }
  assertTransportAllowed(tls, config.host)
  const limits = limitsOf(config)
  const reached = { ca: config.tls.ca, idle: limits.idleMs, connections: 64 }
  const http = new HttpsClient({ what: 'Microsoft Graph', pin: config.tls.pin, ...reached })
  // Sessions of uploads and imports lead to other hosts, which have other certificates.
  const sessionHttp = new HttpsClient({ what: 'Exchange Online', ...reached })
  const gates = new Map<string, RequestGate>()
  const open = async (account: string, signal: AbortSignal): Promise<GraphContext> => {
    const key = account.toLowerCase()
    const gate = gates.get(key) ?? new RequestGate(limits.requestsAtOnce)
    gates.set(key, gate)
    const { tokens, clock, host, port = 443 } = config
    const client = new GraphClient({ host, port, account, tokens, clock, http, sessionHttp, gate })
    try {
      // The first word of a session says whether the mailbox can be had at all.
      await client.get(`${client.user}/mailFolders/inbox?$select=id`, 'opening the mailbox', signal)
    } catch (error) {
      throw toSealpostError(error, 'graph: opening the mailbox')
    }
    return { client, limits, clock, positions: new Map(), alive: true }
  }
  return {
    ...(config.credentialOf === undefined ? {} : { credentialOf: config.credentialOf }),
    openSource: async (account, signal) =>
      sourceSession(await open(account, signal), capabilitiesOf(limits.sessions), readMessage),
    openDestination: async () => {
      throw new SealpostError('config', 'graph: mail is written by IMAP', { code: 'NO_WRITER' })
    },
  }
}

function capabilitiesOf(sessions: number): Capabilities {
  return {
    sessions,
    appendBatch: { messages: 1, bytes: Number.MAX_SAFE_INTEGER },
    maxMessageBytes: null,
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
