import { SealpostError } from '../../src/core/errors.ts'
import { stringPart, type Part } from './command-writer.ts'
import type { Connection } from './connection.ts'
import type { Place } from './wire.ts'
import type { Reply } from './response.ts'

/** Who logs in, and by what. */
export interface Credentials {
  readonly username: string
  /** SASL authorization identity: whose mailboxes are opened, when that is not `username` itself. */
  readonly authorize: string | null
  readonly secret: { readonly password: string } | { readonly token: string }
  /** What to do when a password is refused. */
  readonly refusedHint?: string
}

/** The command that logs in, and what it answers when it is asked. */
interface Method {
  readonly parts: readonly Part[]
  readonly answer?: (challenge: string) => string
}

/** Cancels an exchange (RFC 9051 section 6.2.2): the server then ends the command with BAD. */
const CANCEL = '*'

/**
 * Sends the one command that logs in, and returns how it ended, refused too. Throws `config` where the server has no way that the
 * credentials could be used by, and as `Connection.run`.
 */
export async function authenticate(
  connection: Connection,
  credentials: Credentials,
  place: Place,
  signal: AbortSignal,
): Promise<Reply> {
  const { parts, answer } = methodFor(connection, credentials, place)
  return connection.run(parts, answer === undefined ? {} : { answer }, signal)
}

function methodFor(connection: Connection, credentials: Credentials, place: Place): Method {
  const { username, authorize, secret } = credentials
  const where = `IMAP ${place.host}:${place.port}`
  const has = (mechanism: string): boolean => connection.has(`AUTH=${mechanism}`)
  if ('token' in secret) {
    const { token } = secret
    // RFC 7628 section 3.1: a control would end the field, and begin another.
    // eslint-disable-next-line no-control-regex -- which is what is looked for
    if (/[\0-\x1f\x7f]/.test(username + token)) throw unsendable(where)
    if (has('OAUTHBEARER')) {
      const fields = [
        `n,a=${saslName(username)},`,
        `host=${place.host}`,
        `port=${place.port}`,
        `auth=Bearer ${token}`,
      ]
      // The server tells why it refuses, and ends the command when it has been answered (RFC 7628 section 3.2.3).
      return sasl(connection, 'OAUTHBEARER', `${fields.join('\x01')}\x01\x01`, '\x01')
    }
    if (has('XOAUTH2')) {
      return sasl(connection, 'XOAUTH2', `user=${username}\x01auth=Bearer ${token}\x01\x01`, '')
    }
    throw new SealpostError('config', `${where}: the server takes no access tokens`, { code: 'NO_OAUTH' })
  }
  const { password } = secret
  // RFC 4616 section 2: it ends a field.
  if ([authorize, username, password].some((field) => field?.includes('\0') === true)) throw unsendable(where)
  if (authorize !== null && !has('PLAIN')) {
    throw new SealpostError('config', `${where}: the server has no AUTH=PLAIN, which auth.authorize needs`, {
      code: 'NO_PLAIN',
    })
  }
  if (has('PLAIN')) return sasl(connection, 'PLAIN', [authorize ?? '', username, password].join('\0'), null)
  if (has('LOGIN')) return saslLogin(username, password)
  if (connection.has('LOGINDISABLED')) {
    throw new SealpostError('config', `${where}: the server takes no passwords`, { code: 'LOGINDISABLED' })
  }
  return { parts: ['LOGIN ', credentialPart(username), ' ', credentialPart(password)] }
}

/**
 * A mechanism of one message, sent with the command where the server takes that (RFC 4959). `last`: what a challenge after it is
 * answered with; null cancels.
 */
function sasl(connection: Connection, mechanism: string, message: string, last: string | null): Method {
  const encoded = base64(message)
  const afterwards = last === null ? CANCEL : base64(last)
  if (connection.has('SASL-IR')) {
    return { parts: [`AUTHENTICATE ${mechanism} ${encoded}`], answer: () => afterwards }
  }
  let hasAnswered = false
  const answer = (): string => {
    if (hasAnswered) return afterwards
    hasAnswered = true
    return encoded
  }
  return { parts: [`AUTHENTICATE ${mechanism}`], answer }
}

/** The mechanism LOGIN, which no RFC describes: the server asks for one after the other, the first time perhaps without a word. */
function saslLogin(username: string, password: string): Method {
  let asked = 0
  const answer = (challenge: string): string => {
    const question = Buffer.from(challenge, 'base64').toString().toLowerCase()
    asked++
    if (asked === 1 && (question === '' || question.startsWith('user'))) return base64(username)
    return asked === 2 && (question === '' || question.startsWith('pass')) ? base64(password) : CANCEL
  }
  return { parts: ['AUTHENTICATE LOGIN'], answer }
}

function unsendable(where: string): SealpostError {
  return new SealpostError('config', `${where}: user name or secret hold control characters, and cannot be sent`, {
    code: 'CONTROLS',
    hint: 'set the credential anew',
  })
}

/** RFC 5801 section 4. */
function saslName(name: string): string {
  return name.replace(/=/g, '=3D').replace(/,/g, '=2C')
}

/** A user name or a password, which are UTF-8 where a server has no better way to take them. */
function credentialPart(text: string): Part {
  return stringPart(Buffer.from(text, 'utf8').toString('latin1'))
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64')
}
