import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:tls'
import { ImapSplitter } from './imap-splitter.ts'
import { ImapSession, type DoorFacts } from './m365/imap-session.ts'
import type { FakeTenant } from './m365/tenant.ts'

/** What the door does with the append of this number (from 1), before it is looked at. */
export type AppendFate = 'throttle' | 'lose-reply' | 'cut' | null

/** The IMAP door of a fake tenant, with the manners of Exchange Online. */
export interface ExchangeImap {
  readonly port: number
  /** Appends that came in whole. */
  readonly facts: DoorFacts
  stop(): Promise<void>
}

/**
 * Starts the door. It takes XOAUTH2 with the tenant's tokens and nothing else, throttles with a time, ends a session at ten
 * errors, refuses long lines and large messages in Exchange's words, tells no capitals apart in names, lists calendars among the
 * mailboxes, and shows a flag that an APPEND set to IMAP alone.
 */
export async function startExchangeImap(
  tenant: FakeTenant,
  credentials: { readonly cert: Buffer; readonly key: Buffer },
  fate: (append: number) => AppendFate = () => null,
): Promise<ExchangeImap> {
  const open = new Set<Socket>()
  const facts: DoorFacts = {
    appends: 0,
    commands: 0,
    sessions: 0,
    errors: 0,
    byes: 0,
    longestRun: 0,
    mostSessions: Infinity,
    fate,
  }
  const server = createServer(credentials, (socket) => {
    facts.sessions++
    socket.on('error', () => socket.destroy())
    if (open.size >= facts.mostSessions) {
      socket.end('* BYE Session limit exceeded.\r\n')
      return
    }
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    const session = new ImapSession(tenant, facts, socket)
    const splitter = new ImapSplitter()
    let texts: string[] = []
    let literals: Buffer[] = []
    socket.write('* OK The Microsoft Exchange IMAP4 service is ready.\r\n')
    socket.on('data', (chunk: Buffer) => {
      for (const piece of splitter.push(chunk)) {
        if (piece.kind === 'literal') {
          literals.push(Buffer.concat([literals.pop() ?? Buffer.alloc(0), piece.bytes]))
          continue
        }
        if (piece.literal !== null) {
          texts.push(piece.text.replace(/~?\{\d+\+?\}$/, `{#${literals.length}}`))
          literals.push(Buffer.alloc(0))
          if (!piece.text.endsWith('+}')) socket.write('+ Ready for additional command text.\r\n')
          continue
        }
        texts.push(piece.text)
        session.run(texts.join(''), literals)
        texts = []
        literals = []
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    facts,
    stop: async () => {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
