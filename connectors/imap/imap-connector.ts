import { BodyBlocks, BodyPool } from './body-pool.ts'
import type { Connector } from '../../src/core/connector.ts'
import { toSealpostError } from '../../src/core/errors.ts'
import { assertTransportAllowed } from '../shared/tls.ts'
import { capabilitiesOf, introduce } from './capabilities.ts'
import { limitsOf, type ImapEndConfig } from './config.ts'
import { guideOf, Turns, type Context, type Guided } from './context.ts'
import { openConnection } from './login.ts'
import { namingOf } from './naming.ts'
import { probeSessions } from './probe-sessions.ts'
import { crowded, NOT_CONNECTED } from './response-codes.ts'
import { destinationSession, sourceSession } from './session.ts'

/** What the sessions of one account tell each other. */
type Shared = Pick<Context, 'namespace' | 'validities' | 'sizes' | 'marks' | 'flagsKept'> & {
  readonly told: Guided
}

/**
 * Sessions over IMAP4rev1 (RFC 3501) with the extensions that a server offers. Throws `config` at once for a host that
 * would be reached without TLS, and for a pin that is none. Opening a session throws `config` (TLS, STARTTLS), `auth`
 * (one attempt a credential) or `transient`.
 */
export function createImapConnector(config: ImapEndConfig): Connector {
  assertTransportAllowed(config.tls, config.host)
  const limits = limitsOf(config)
  const { guide, manners = {} } = config
  const accounts = new Map<string, Shared>()
  const blocks = new BodyBlocks()
  let compress = config.compress === true
  const onInflated = (): void => void (compress = false)
  const open = async (account: string, end: 'source' | 'destination', signal: AbortSignal) => {
    try {
      const connection = await openConnection(config, limits, account, signal)
      try {
        if (compress && connection.has('COMPRESS=DEFLATE')) await connection.compress(onInflated, signal)
        const known = accounts.get(account)?.namespace ?? null
        const { features, namespace } = await introduce(connection, known, signal)
        const shared: Shared = accounts.get(account) ?? {
          namespace,
          validities: new Map(),
          sizes: new Map(),
          marks: new Map(),
          flagsKept: new Map(),
          told: { uses: null, others: new Set() },
        }
        accounts.set(account, shared)
        connection.atMailbox()
        const context: Context = {
          connection,
          clock: config.clock,
          limits,
          manners,
          guide: guide === undefined ? null : guideOf(guide, account, shared.told),
          features,
          turns: new Turns(),
          bodies: new BodyPool(blocks),
          ...shared,
          selected: null,
          known: null,
          justSeen: null,
          positions: new Map(),
          positioned: new Set(),
        }
        return {
          context,
          capabilities: capabilitiesOf(connection, features, shared.flagsKept, config, limits, end),
          naming: namingOf(shared.namespace, connection, manners),
        }
      } catch (error) {
        await connection.close()
        throw error
      }
    } catch (error) {
      const failure = toSealpostError(error, `IMAP ${config.host}:${config.port}`)
      const isCrowded = accounts.has(account) && failure.code === NOT_CONNECTED
      throw isCrowded ? crowded(failure.message, failure.serverText) : failure
    }
  }
  return {
    ...(config.credentialOf === undefined ? {} : { credentialOf: config.credentialOf }),
    openSource: async (account, signal) => {
      const { context, capabilities, naming } = await open(account, 'source', signal)
      return sourceSession(context, capabilities, naming)
    },
    openDestination: async (account, signal) => {
      const { context, capabilities, naming } = await open(account, 'destination', signal)
      return destinationSession(context, capabilities, naming)
    },
    probeSessions: (account, already, signal) =>
      probeSessions(() => openConnection(config, limits, account, signal), already, limits.sessions, signal),
  }
}
