import { createGraphConnector } from '../../connectors/graph/graph-connector.ts'
import type { GraphEndConfig } from '../../connectors/graph/config.ts'
import type { Connector, SourceSession } from '../../src/core/connector.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { TokenProvider } from '../../src/core/ports.ts'
import type { GraphServer } from '../fakes/graph-server.ts'
import type { Audience, FakeTenant } from '../fakes/m365/tenant.ts'

/** A signal that nobody aborts. */
export const quiet = new AbortController().signal

/** Tokens straight from the tenant; one is kept until it is refused. */
export function tokensOf(
  tenant: FakeTenant,
  audience: Audience = 'graph',
): TokenProvider & { readonly asked: boolean[] } {
  let token: string | null = null
  const asked: boolean[] = []
  return {
    asked,
    token: async (_account, force) => {
      asked.push(force)
      if (token === null || force) token = tenant.issueToken(audience)
      return token
    },
  }
}

/** A connector to a fake tenant. */
export function graphTo(server: GraphServer, rest: Partial<GraphEndConfig> = {}): Connector {
  return createGraphConnector({
    host: server.host,
    port: server.port,
    tls: { ca: server.ca },
    tokens: tokensOf(server.tenant),
    clock: systemClock,
    pageMessages: 7,
    ...rest,
  })
}

/** Opens a source session, and closes it behind what is done with it. */
export async function withSource<T>(
  connector: Connector,
  account: string,
  act: (session: SourceSession) => Promise<T>,
): Promise<T> {
  const session = await connector.openSource(account, quiet)
  try {
    return await act(session)
  } finally {
    await session.close()
  }
}
