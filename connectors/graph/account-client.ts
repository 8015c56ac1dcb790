import type { TlsPolicy } from '../shared/tls.ts'
import { HttpsClient } from '../shared/https-client.ts'
import { assertTransportAllowed } from '../shared/tls.ts'
import { GraphClient } from './client.ts'
import { limitsOf, type GraphEndConfig } from './config.ts'
import type { GraphContext } from './context.ts'
import { RequestGate } from './request-gate.ts'

/** What the accounts of one tenant share: connections, and one gate a mailbox. */
export interface Tenant {
  /** A new context for one account, without a question to the server. */
  contextOf(account: string): GraphContext
}

/** Throws `config` for a pin that is none. Makes no connection. */
export function tenantOf(config: GraphEndConfig): Tenant {
  const tls: TlsPolicy = { mode: 'implicit', ...config.tls }
  assertTransportAllowed(tls, config.host)
  const limits = limitsOf(config)
  const reached = { ca: config.tls.ca, idle: limits.idleMs, connections: 64 }
  const http = new HttpsClient({ what: 'Microsoft Graph', pin: config.tls.pin, ...reached })
  // Sessions of uploads and imports lead to other hosts, which have other certificates.
  const sessionHttp = new HttpsClient({ what: 'Exchange Online', ...reached })
  const gates = new Map<string, RequestGate>()
  return {
    contextOf: (account) => {
      const key = account.toLowerCase()
      const gate = gates.get(key) ?? new RequestGate(limits.requestsAtOnce)
      gates.set(key, gate)
      const { tokens, clock, host, port = 443 } = config
      const client = new GraphClient({ host, port, account, tokens, clock, http, sessionHttp, gate })
      return { client, limits, clock, alive: true }
    },
  }
}
