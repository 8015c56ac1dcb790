import type { Connector } from './connector.ts'
import { withMembers } from './rate.ts'

/** How many sessions are open. */
export interface SessionCount {
  readonly open: number
}

/** The same connector, and how many of its sessions are open at any time: from the login on to the close. */
export function counted(connector: Connector): { readonly connector: Connector; readonly sessions: SessionCount } {
  let open = 0
  const count = <S extends { close(): Promise<void> }>(session: S): S => {
    open++
    let isOpen = true
    return withMembers<{ close(): Promise<void> }>(session, {
      close: async () => {
        if (isOpen) open--
        isOpen = false
        await session.close()
      },
    }) as S
  }
  return {
    connector: withMembers<Connector>(connector, {
      openSource: async (account, signal) => count(await connector.openSource(account, signal)),
      openDestination: async (account, signal) => count(await connector.openDestination(account, signal)),
    }),
    sessions: {
      get open() {
        return open
      },
    },
  }
}
