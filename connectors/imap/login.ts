import { isKind, SealpostError, throwIfAborted } from '../../src/core/errors.ts'
import { codeOf, connectError } from '../shared/network-errors.ts'
import { readTlsFacts } from '../shared/tls-facts.ts'
import { tlsOptions } from '../shared/tls.ts'
import type { ImapEndConfig, Limits, Login } from './config.ts'
import { Connection } from './connection.ts'
import { createFlow, type Flow } from './flow.ts'
import { refusalOf } from './response-codes.ts'

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
    return connect(config, limits, account, login, { pass: login.secret.text() }, signal)
  }
  const first = await login.secret.token(false)
  try {
    return await connect(config, limits, account, login, { accessToken: first }, signal)
  } catch (error) {
    if (!isKind(error, 'auth')) throw error
    const second = await login.secret.token(true)
    if (second === first) throw error
    return connect(config, limits, account, login, { accessToken: second }, signal)
  }
}

async function connect(
  config: ImapEndConfig,
  limits: Limits,
  account: string,
  login: Login,
  secret: { readonly pass: string } | { readonly accessToken: string },
  signal: AbortSignal,
): Promise<Connection> {
  throwIfAborted(signal)
  const flow = createFlow(
    {
      host: config.host,
      port: config.port,
      secure: config.tls.mode === 'implicit',
      doSTARTTLS: config.tls.mode === 'starttls',
      ...(config.tls.mode === 'none' ? {} : { tls: tlsOptions(config.tls, config.host) }),
      connectionTimeout: limits.connectMs,
      greetingTimeout: limits.connectMs,
      auth: { user: login.username, ...secret, ...(login.authorize === null ? {} : { authzid: login.authorize }) },
    },
    (started) => startSession(started, config, login),
  )
  flow.on('error', () => {
    // connect() rejects with it, or the connection says so later
  })
  const onAbort = (): void => flow.close()
  signal.addEventListener('abort', onAbort, { once: true })
  const late = { isLate: false }
  const stop = config.clock.after(limits.connectMs * 3, () => {
    late.isLate = true
    flow.close()
  })
  try {
    await flow.connect()
  } catch (error) {
    flow.close()
    throwIfAborted(signal)
    throw loginError(late.isLate ? { code: 'ETIMEDOUT' } : error, flow, config, 'accessToken' in secret)
  } finally {
    stop()
    signal.removeEventListener('abort', onAbort)
  }
  if (flow.isClosed) throw connectError({ code: 'ECONNRESET' }, { host: config.host, port: config.port }, 'IMAP')
  const facts = config.onEvent === undefined ? null : readTlsFacts(flow.socket)
  config.onEvent?.({
    event: 'connected',
    account,
    protocol: facts?.protocol ?? null,
    cipher: facts?.cipher ?? null,
    certificate: facts?.pins.certificate ?? null,
  })
  return new Connection(flow, config.clock, limits.idleMs, config.manners ?? {})
}

/** What happens after the greeting: capabilities, TLS, login. No ID, no ENABLE, nothing opportunistic. */
async function startSession(flow: Flow, config: ImapEndConfig, login: Login): Promise<void> {
  const where = `IMAP ${config.host}:${config.port}`
  if (flow.authenticated !== false) {
    throw new SealpostError('config', `${where}: the server logs in by itself (PREAUTH), which is refused`, {
      code: 'PREAUTH',
    })
  }
  await flow.run('CAPABILITY')
  if (config.tls.mode === 'starttls' && !(await flow.upgradeToSTARTTLS())) throw noStartTls(where)
  const mechanism = (name: string): boolean => flow.capabilities.has(`AUTH=${name}`)
  if ('token' in login.secret) {
    if (!mechanism('XOAUTH2') && !mechanism('OAUTHBEARER')) {
      throw new SealpostError('config', `${where}: the server takes no access tokens`, { code: 'NO_OAUTH' })
    }
  } else if (login.authorize !== null) {
    if (!mechanism('PLAIN')) {
      throw new SealpostError('config', `${where}: the server has no AUTH=PLAIN, which auth.authorize needs`, {
        code: 'NO_PLAIN',
      })
    }
    setMethod(flow, 'AUTH=PLAIN')
  } else if (mechanism('PLAIN') && (flow.capabilities.has('LOGINDISABLED') || !isAscii(flow))) {
    // LOGIN is what the library would take for a user name with / or \, and its strings are ASCII.
    setMethod(flow, 'AUTH=PLAIN')
  } else if (!mechanism('PLAIN') && !mechanism('LOGIN') && flow.capabilities.has('LOGINDISABLED')) {
    throw new SealpostError('config', `${where}: the server takes no passwords`, { code: 'LOGINDISABLED' })
  }
  await flow.authenticate()
  flow.usable = true
}

function setMethod(flow: Flow, loginMethod: string): void {
  const { auth } = flow.options
  if (auth !== undefined) flow.options = { ...flow.options, auth: { ...auth, loginMethod } }
}

function isAscii(flow: Flow): boolean {
  const { user = '', pass = '' } = flow.options.auth ?? {}
  return /^[\x20-\x7e]*$/.test(user + pass)
}

function noStartTls(where: string, cause?: unknown): SealpostError {
  return new SealpostError('config', `${where}: STARTTLS could not be had, and nothing is sent without it`, {
    hint: 'set tls.mode to implicit, or ask the provider; somebody may be tampering with the connection',
    code: 'STARTTLS',
    cause,
  })
}

/** The token was good for the one who gave it out, and the server would not have it for this account. */
const TOKEN_HINT =
  'check that IMAP is enabled for the account, and that the application or service account may open it (scope, mailbox permission)'

/** What the library's errors say; its texts and the commands in them are left out. */
function loginError(error: unknown, flow: Flow, config: ImapEndConfig, isToken: boolean): SealpostError {
  if (isKind(error)) return error
  const where = `IMAP ${config.host}:${config.port}`
  const facts = error as {
    readonly authenticationFailed?: boolean
    readonly serverResponseCode?: string
    readonly response?: unknown
    readonly responseText?: unknown
    readonly tlsFailed?: boolean
    readonly throttleReset?: number
    readonly message?: string
  }
  if (facts.throttleReset !== undefined) {
    return new SealpostError('throttled', `${where}: the server asks to come back later`, {
      code: 'THROTTLED',
      retryAfter: facts.throttleReset,
    })
  }
  if (facts.authenticationFailed === true) {
    const text = [facts.responseText, facts.response].find((value) => typeof value === 'string') ?? ''
    const reply = { code: facts.serverResponseCode?.toUpperCase() ?? null, text }
    const refusal = refusalOf(reply, `${where}: login`)
    if (['throttled', 'transient', 'config'].includes(refusal.kind)) return refusal
    const { refusedTokenHint } = config.manners ?? {}
    if (refusedTokenHint !== undefined && flow.options.auth?.accessToken !== undefined) {
      return new SealpostError('config', `${where}: the server opens this mailbox to no token of ours`, {
        code: 'TOKEN_REFUSED',
        serverText: reply.text,
        hint: refusedTokenHint,
      })
    }
    return new SealpostError('auth', `${where}: the server refused the login`, {
      code: reply.code ?? 'AUTHENTICATIONFAILED',
      serverText: reply.text,
      hint: isToken
        ? TOKEN_HINT
        : 'check user name and secret; nothing is tried again until the credential is set anew',
    })
  }
  if (flow.byeReason !== undefined && flow.byeReason !== '') {
    const refusal = refusalOf({ code: null, text: flow.byeReason }, where)
    return refusal.kind === 'rejected'
      ? new SealpostError('transient', `${where}: the server ended the session`, {
          code: 'BYE',
          serverText: flow.byeReason,
        })
      : refusal
  }
  const code = codeOf(error)
  if (code === 'STARTTLS_INJECTION' || (facts.tlsFailed === true && code === '')) return noStartTls(where, error)
  return connectError(error, { host: config.host, port: config.port }, 'IMAP')
}
