import type { Connector } from '../../src/core/connector.ts'
import { SealpostError, throwIfAborted, toSealpostError } from '../../src/core/errors.ts'
import { HttpsClient } from '../shared/https-client.ts'
import { AccountIndex } from './account-index.ts'
import { AccountApi, createService } from './api.ts'
import { limitsOf, type GmailEndConfig } from './config.ts'
import { Context } from './context.ts'
import { Labels } from './labels.ts'
import { destinationSession, sourceSession } from './session.ts'

/** What one account has cost so far. */
export interface GmailUsage {
  readonly requests: number
  readonly units: number
}

/** The connector, and what it has used. */
export interface GmailConnector extends Connector {
  usageOf(account: string): GmailUsage
}

/**
 * Sessions over the Gmail API (v1). A session is no connection of its own: all of an account share its units, its
 * connections and what is known of its messages. Throws `config` at once for an endpoint that is no https address.
 * Opening a session throws `auth` (token, scope, no Gmail), `config` (API not enabled, TLS) or `transient`.
 */
export function createGmailConnector(config: GmailEndConfig): GmailConnector {
  const limits = limitsOf(config)
  if (!URL.canParse(limits.endpoint) || new URL(limits.endpoint).protocol !== 'https:') {
    throw new SealpostError('config', 'Gmail: the endpoint is no https address', { code: 'PLAINTEXT' })
  }
  const { ca, idleMs: idle } = config
  const http = new HttpsClient({ what: 'Gmail', ca, idle, connections: limits.sessions * 5 })
  const service = createService(http, limits.endpoint)
  const accounts = new Map<string, { readonly api: AccountApi; readonly index: AccountIndex }>()
  const accountOf = (account: string): { readonly api: AccountApi; readonly index: AccountIndex } => {
    const known = accounts.get(account)
    if (known !== undefined) return known
    const api = new AccountApi(account, service, http, config, limits)
    const made = { api, index: new AccountIndex(api) }
    accounts.set(account, made)
    return made
  }
  const open = async (account: string, signal: AbortSignal): Promise<Context> => {
    try {
      throwIfAborted(signal)
      const { api, index } = accountOf(account)
      // Shows whether token, scope and mailbox are good.
      await index.now(signal)
      return new Context(api, index, new Labels(api))
    } catch (error) {
      throw toSealpostError(error, 'Gmail')
    }
  }
  return {
    ...(config.credentialOf === undefined ? {} : { credentialOf: config.credentialOf }),
    openSource: async (account, signal) => sourceSession(await open(account, signal)),
    openDestination: async (account, signal) => destinationSession(await open(account, signal)),
    usageOf: (account) => {
      const api = accounts.get(account)?.api
      return { requests: api?.requests ?? 0, units: api?.meter.used ?? 0 }
    },
  }
}
