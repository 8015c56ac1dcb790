import { isKind, SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import { connectError, HUNG_UP } from '../shared/network-errors.ts'
import { readTlsFacts } from '../shared/tls-facts.ts'
import { authenticate, type Credentials } from './authenticate.ts'
import type { ImapEndConfig, Limits, Login } from './config.ts'
import { Connection } from './connection.ts'
import type { Reply } from './response.ts'
import { refusalOf } from './response-codes.ts'
import { openWire } from './wire.ts'
import { withholdSecret } from './withhold-secret.ts'

/**
 * Connects and logs in, once: a refused credential is never tried a second time, by no other mechanism either, so that
 * no account gets locked. Only a refused token is refreshed and its successor tried, over a new connection.
 * Throws `config` for TLS that cannot be trusted, `auth` for a refused login, `transient` for a network that fails.
 */
export async function openConnection(
  config: ImapEndConfig,
  limits: Limits,
  account: string,
  signal: AbortSignal,
): Promise<Connection> {
  const login = await config.loginFor(account, signal)
  if (!('token' in login.secret)) {
    return connect(config, limits, account, login, { password: login.secret.text() }, signal)
  }
  const first = await login.secret.token(false)
  try {
    return await connect(config, limits, account, login, { token: first }, signal)
  } catch (error) {
    if (!isKind(error, 'auth')) throw error
    const second = await login.secret.token(true)
    if (second === first) throw error
    return connect(config, limits, account, login, { token: second }, signal)
  }
}

async function connect(
  config: ImapEndConfig,
  limits: Limits,
  account: string,
  login: Login,
  secret: Credentials['secret'],
  signal: AbortSignal,
): Promise<Connection> {
  throwIfAborted(signal)
  const connection = new Connection(openWire(config), config.clock, limits.idleMs, config.manners ?? {})
  const onAbort = (): void => connection.destroy(new SealpostError('cancelled', 'interrupted'))
  signal.addEventListener('abort', onAbort, { once: true })
  const onLate = (): void => connection.destroy(connectError({ code: 'ETIMEDOUT' }, config, 'IMAP'))
  const stops = [config.clock.after(limits.connectMs * 3, onLate)]
  try {
    const stop = config.clock.after(limits.connectMs, onLate)
    stops.push(stop)
    const { isPreauth } = await connection.greeted()
    stop()
    if (isPreauth) {
      const text = `IMAP ${config.host}:${config.port}: the server logs in by itself (PREAUTH), which is refused`
      throw new SealpostError('config', text, { code: 'PREAUTH' })
    }
    await logIn(connection, config, { ...login, secret }, signal)
  } catch (error) {
    const told = withholdSecret(
      lossOf(error, connection, config),
      'token' in secret ? secret.token : secret.password,
    )
    connection.destroy(told)
    throwIfAborted(signal)
    throw told
  } finally {
    for (const stop of stops) stop()
    signal.removeEventListener('abort', onAbort)
  }
  const facts = config.onEvent === undefined ? null : readTlsFacts(connection.socket)
  config.onEvent?.({
    event: 'connected',
    account,
    protocol: facts?.protocol ?? null,
    cipher: facts?.cipher ?? null,
    certificate: facts?.pins.certificate ?? null,
  })
  return connection
}

/** What happens after the greeting: capabilities, TLS, login. No ID, no ENABLE, nothing opportunistic. */
async function logIn(
  connection: Connection,
  config: ImapEndConfig,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<void> {
  await connection.learnCapabilities(null, signal)
  if (config.tls.mode === 'starttls') {
    if (!connection.has('STARTTLS') || !(await connection.startTls(config, signal))) throw noStartTls(config)
    await connection.learnCapabilities(null, signal)
  }
  const before = connection.facts.capabilities
  const reply = await authenticate(connection, credentials, config, signal)
  if (reply.status !== 'OK') throw refusedLogin(reply, config, credentials)
  // Most servers tell with their OK what can be done from here on.
  await connection.learnCapabilities(before, signal)
}

function noStartTls({ host, port }: ImapEndConfig): SealpostError {
  return new SealpostError(
    'config',
    `IMAP ${host}:${port}: STARTTLS could not be had, and nothing is sent without it`,
    {
      hint: 'set tls.mode to implicit, or ask the provider; somebody may be tampering with the connection',
      code: 'STARTTLS',
    },
  )
}

/** The token was good for the one who gave it out, and the server would not have it for this account. */
const TOKEN_HINT =
  'check that IMAP is enabled for the account, and that the application or service account may open it (scope, mailbox permission)'

function refusedLogin(reply: Reply, config: ImapEndConfig, credentials: Credentials): SealpostError {
  const isToken = 'token' in credentials.secret
  const where = `IMAP ${config.host}:${config.port}`
  const refusal = refusalOf(reply, `${where}: login`)
  if (['throttled', 'transient', 'config'].includes(refusal.kind)) return refusal
  const { refusedTokenHint } = config.manners ?? {}
  if (refusedTokenHint !== undefined && isToken) {
    return new SealpostError('config', `${where}: the server opens this mailbox to no token of ours`, {
      code: 'TOKEN_REFUSED',
      serverText: reply.text,
      hint: refusedTokenHint,
    })
  }
  return new SealpostError('auth', `${where}: the server refused the login`, {
    code: reply.code ?? 'AUTHENTICATIONFAILED',
    serverText: reply.text,
    hint: isToken ? TOKEN_HINT : (credentials.refusedHint ?? 'check user name and secret'),
  })
}

/** What is said of a connection that did not get through its login. */
function lossOf(error: unknown, connection: Connection, config: ImapEndConfig): SealpostError {
  if (isKind(error) && error.code !== 'LOST' && connection.facts.bye === null) return error
  if (connection.facts.bye !== null) {
    const where = `IMAP ${config.host}:${config.port}`
    const refusal = refusalOf(connection.facts.bye, where)
    if (refusal.kind !== 'rejected') return refusal
    return new SealpostError('transient', `${where}: the server ended the session`, {
      code: 'BYE',
      serverText: connection.facts.bye.text,
    })
  }
  return connectError(connection.networkError ?? (isKind(error) ? { code: HUNG_UP } : error), config, 'IMAP')
}
