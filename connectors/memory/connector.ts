import type { Connector } from '../../src/core/connector.ts'
import { SealpostError } from '../../src/core/errors.ts'
import type { MemoryOptions } from './options.ts'
import { SessionContext } from './session-context.ts'
import { createDestinationSession, createSourceSession } from './sessions.ts'
import type { MemoryStore } from './store.ts'

/**
 * The reference implementation of the contract: both kinds of session over a store in memory. An account that the
 * store does not have is made. More sessions at once than the capability says, both kinds counted together, are
 * refused as `throttled`, as servers do.
 */
export function createMemoryConnector(store: MemoryStore, options: MemoryOptions = {}): Connector {
  const openSessions = new Map<string, number>()

  const open = async (
    end: 'source' | 'destination',
    accountName: string,
    signal: AbortSignal,
  ): Promise<SessionContext> => {
    let counted = false
    const context = new SessionContext(end, accountName, store.account(accountName), options, () => {
      if (counted) openSessions.set(accountName, (openSessions.get(accountName) ?? 1) - 1)
    })
    await context.before('open', {}, signal)
    const already = openSessions.get(accountName) ?? 0
    if (already >= context.capabilities.sessions) {
      throw new SealpostError('throttled', 'too many sessions for this account', { code: 'LIMIT' })
    }
    openSessions.set(accountName, already + 1)
    counted = true
    return context
  }

  return {
    openSource: async (account, signal) => createSourceSession(await open('source', account, signal)),
    openDestination: async (account, signal) =>
      createDestinationSession(await open('destination', account, signal)),
  }
}
