import { encodeModifiedUtf7 } from '../../scripts/sample/modified-utf7.ts'
import { RawImap } from '../fakes/raw-imap.ts'
import { startCourier, whyNoCourier } from '../servers/courier.ts'
import { startCyrus, whyNoCyrus } from '../servers/cyrus.ts'
import { startDovecot, whyNoDovecot } from '../servers/dovecot.ts'

/** A kind of server that mail is moved from and to. */
export interface ServerKind {
  /** As it stands in reports. */
  readonly label: string
  /** Between levels. */
  readonly delimiter: '/' | '.'
  /** What stands before every mailbox but the inbox. */
  readonly prefix: string
  /** Why it cannot run here, or null. */
  readonly why: () => string | null
  readonly start: (users: readonly string[]) => Promise<RunningServer>
}

/** One that runs. */
export interface RunningServer {
  readonly kind: ServerKind
  readonly port: number
  /** PEM of the authority of its certificate; null in the clear. */
  readonly ca: string | null
  readonly password: string
  readonly stop: () => Promise<void>
}

type Started = Omit<RunningServer, 'kind'>

function kind(
  facts: Omit<ServerKind, 'start'>,
  start: (users: readonly string[]) => Promise<Started>,
): ServerKind {
  const made: ServerKind = {
    ...facts,
    start: async (users) => ({ kind: made, ...(await start(users)) }),
  }
  return made
}

async function dovecot(users: readonly string[], separator: '/' | '.', prefix: string): Promise<Started> {
  const settings = separator === '/' ? 'mail_location = maildir:~/Maildir:LAYOUT=fs' : ''
  const server = await startDovecot({ users, separator, prefix, settings })
  return { port: server.imapsPort, ca: server.ca, password: server.password, stop: () => server.stop() }
}

/** All kinds, in the order of reports. */
export const SERVERS = {
  dovecot: kind({ label: 'Dovecot /', delimiter: '/', prefix: '', why: whyNoDovecot }, (users) =>
    dovecot(users, '/', ''),
  ),
  dovecotBelow: kind({ label: 'Dovecot INBOX.', delimiter: '.', prefix: 'INBOX.', why: whyNoDovecot }, (users) =>
    dovecot(users, '.', 'INBOX.'),
  ),
  cyrus: kind({ label: 'Cyrus alt /', delimiter: '/', prefix: '', why: whyNoCyrus }, async (users) => ({
    ca: null,
    ...(await startCyrus({ users, altNamespace: true, unixHierarchySep: true })),
  })),
  cyrusBelow: kind(
    { label: 'Cyrus INBOX.', delimiter: '.', prefix: 'INBOX.', why: whyNoCyrus },
    async (users) => ({
      ca: null,
      ...(await startCyrus({ users, altNamespace: false })),
    }),
  ),
  courier: kind({ label: 'Courier', delimiter: '.', prefix: 'INBOX.', why: whyNoCourier }, async (users) => ({
    ca: null,
    ...(await startCourier({ users })),
  })),
} as const

/** The name on the wire of a mailbox at a kind of server; written without the program's help. */
export function wireName(path: readonly string[], { delimiter, prefix }: ServerKind): string {
  const levels = path.map(encodeModifiedUtf7)
  if (path[0] === 'INBOX') return levels.join(delimiter)
  return prefix + levels.join(delimiter)
}

/** A witness that is logged in to an account. */
export function witness(server: RunningServer, user: string): Promise<RawImap> {
  return RawImap.login(server.port, server.ca, user, server.password)
}
