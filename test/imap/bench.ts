import { createImapConnector } from '../../connectors/imap/imap-connector.ts'
import type { ImapEndConfig } from '../../connectors/imap/config.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { Connector, Page } from '../../src/core/connector.ts'
import { SealpostError } from '../../src/core/errors.ts'
import type { Fetched, Listed, NewMessage } from '../../src/core/mail.ts'
import type { Dovecot } from '../servers/dovecot.ts'

/** A signal that nobody aborts. */
export const quiet = new AbortController().signal

/** The account that tests use unless they need another. */
export const ANNA = 'anna@example.test'

/** A connector to a test server over TLS; `overrides` change what is to be different. */
export function connectorTo(server: Dovecot, overrides: Partial<ImapEndConfig> = {}): Connector {
  return createImapConnector({
    host: server.host,
    port: server.imapsPort,
    tls: { mode: 'implicit', ca: server.ca },
    clock: systemClock,
    loginFor: async (username) => ({ username, authorize: null, secret: { text: () => server.password } }),
    ...overrides,
  })
}

/** A connector to a port of this machine in the clear, as relays and scripted servers need it. */
export function clearConnector(port: number, password: string, overrides: Partial<ImapEndConfig> = {}): Connector {
  return createImapConnector({
    host: '127.0.0.1',
    port,
    tls: { mode: 'none' },
    clock: systemClock,
    loginFor: async (username) => ({ username, authorize: null, secret: { text: () => password } }),
    ...overrides,
  })
}

/** Everything that an iterable has. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = []
  for await (const item of items) collected.push(item)
  return collected
}

/** The messages of a listing. */
export function messagesOf(pages: readonly Page[]): readonly Listed[] {
  return pages.flatMap((page) => (page.kind === 'messages' ? page.messages : []))
}

/** The cursor of a whole listing. */
export function cursorOf(pages: readonly Page[]): string {
  const end = pages.at(-1)
  if (end?.kind !== 'end') throw new Error('a listing without its end')
  return end.cursor
}

/** A body held whole. */
export async function bytesOf(fetched: Fetched | undefined): Promise<Buffer> {
  if (fetched === undefined || !('body' in fetched)) throw new Error('the message is gone')
  if (fetched.kind === 'whole') return Buffer.from(fetched.body)
  return Buffer.concat(await collect(fetched.body.open()))
}

/** A message to be stored. */
export function message(body: string | Uint8Array, rest: Partial<NewMessage> = {}): NewMessage {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body
  return { body: bytes, internalDate: 1_600_000_000_000, flags: [], nul: Buffer.from(bytes).includes(0), ...rest }
}

/** What was thrown, which must be one of ours. */
export async function failure(attempt: Promise<unknown>): Promise<SealpostError> {
  const error: unknown = await attempt.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof SealpostError) return error
  throw new Error('it did not fail as it should', { cause: error })
}
