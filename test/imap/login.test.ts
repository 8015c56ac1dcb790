import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Login } from '../../connectors/imap/config.ts'
import { startDovecot, whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { startScriptedImap } from '../servers/scripted-imap.ts'
import { startTamperingRelay } from '../servers/tampering-relay.ts'
import { ANNA, clearConnector, collect, connectorTo, failure, message, quiet } from './bench.ts'

const why = whyNoDovecot()
const ODD_USERS = ['DOM/admin/anna', 'with blank', 'per%cent']

describe.skipIf(why !== null)(`logging in to a real server ${why ?? ''}`, () => {
  let server: Dovecot
  beforeAll(async () => {
    server = await startDovecot({ users: [ANNA, 'bert@example.test', ...ODD_USERS] })
  })
  afterAll(async () => server.stop())

  const loginAs = (login: Omit<Login, 'secret'>, password: string) =>
    connectorTo(server, { loginFor: async () => ({ ...login, secret: { text: () => password } }) })

  it('opens any account for a master user, by its name or by an authorization identity', async () => {
    const own = await connectorTo(server).openDestination(ANNA, quiet)
    await own.append(await own.ensureMailbox(['Mine'], null, quiet), [message('Subject: 1\r\n\r\n')], quiet)
    await own.close()
    for (const login of [
      { username: `${ANNA}*${server.masterUser}`, authorize: null },
      { username: server.masterUser, authorize: ANNA },
    ]) {
      const session = await loginAs(login, server.masterPassword).openSource(ANNA, quiet)
      expect((await collect(session.listMailboxes(quiet))).map(({ path }) => path)).toContainEqual(['Mine'])
      await session.close()
    }
  })

  it.each(ODD_USERS)('takes the user name %s', async (username) => {
    const session = await loginAs({ username, authorize: null }, server.password).openSource(ANNA, quiet)
    expect(session.alive).toBe(true)
    await session.close()
  })

  it('tries a wrong password once, over one connection, and names neither it nor the user', async () => {
    const relay = await startTamperingRelay({ port: server.imapPort })
    const secret = 'wr0ng-and-secret'
    const error = await failure(clearConnector(relay.port, secret).openSource(ANNA, quiet))
    expect(error).toMatchObject({ kind: 'auth', code: 'AUTHENTICATIONFAILED' })
    expect(relay.commands().filter((line) => /^(AUTHENTICATE|LOGIN)/.test(line))).toHaveLength(1)
    expect(relay.connections()).toBe(1)
    const said = [error.message, error.hint, error.serverText, String(error.cause), error.stack].join('\n')
    expect(said).not.toContain(secret)
    expect(said).not.toContain('anna')
    expect(said).not.toContain(Buffer.from(`\0${ANNA}\0${secret}`).toString('base64'))
    await relay.stop()
  })

  it('refuses an authorization identity that the user may not take', async () => {
    const error = await failure(
      loginAs({ username: 'bert@example.test', authorize: ANNA }, server.password).openSource(ANNA, quiet),
    )
    expect(error.kind).toBe('auth')
  })
})

describe('a server that opens no mailbox to a client without a name', () => {
  const coremail = '* OK Coremail System IMap Server Ready(163com[0123])\r\n'

  /** Opens the inbox there; what it came to, and whether a name was said. */
  async function openInbox(capabilities: string, greeting?: string, takesNames = true) {
    let isNamed = false
    const server = await startScriptedImap({
      capabilities,
      ...(greeting === undefined ? {} : { greeting }),
      answer: ({ tag, text }) => {
        if (text.startsWith('ID (')) isNamed = takesNames
        if (!text.startsWith('EXAMINE') || isNamed || greeting === undefined) return undefined
        return [`${tag} NO EXAMINE Unsafe Login. Please contact kefu@188.com for help`]
      },
    })
    const session = await clearConnector(server.port, 'x').openSource('a', quiet)
    try {
      const [inbox] = await collect(session.listMailboxes(quiet))
      if (inbox === undefined) throw new Error('no inbox')
      const error = await collect(session.listMessages(inbox, null, quiet)).then(
        () => null,
        (reason: unknown) => reason,
      )
      return { error, named: server.commands.some((command) => command.includes('ID ("name" "Sealpost"')) }
    } finally {
      await session.close()
      await server.stop()
    }
  }

  it('is told ours, and nobody else is', async () => {
    expect(await openInbox('ID UIDPLUS', coremail)).toEqual({ error: null, named: true })
    expect(await openInbox('ID UIDPLUS')).toEqual({ error: null, named: false })
  })

  it('that refuses all the same is said to be no matter of the mail', async () => {
    const { error } = await openInbox('ID X-CM-EXT-1', coremail, false)
    expect(error).toMatchObject({ kind: 'config', code: 'UNSAFELOGIN' })
  })
})

describe('logging in to a scripted server', () => {
  const tokens = (...given: readonly string[]) => {
    const asked: boolean[] = []
    const left = [...given]
    const secret = {
      token: async (force: boolean): Promise<string> => {
        asked.push(force)
        return (force ? left.shift() && left[0] : left[0]) ?? ''
      },
    }
    return { asked, loginFor: async (): Promise<Login> => ({ username: 'a@b', authorize: null, secret }) }
  }

  it.each(['XOAUTH2', 'OAUTHBEARER'])('sends a token by %s', async (mechanism) => {
    const server = await startScriptedImap({ capabilities: `SASL-IR AUTH=${mechanism}` })
    const { loginFor, asked } = tokens('t0ken')
    const session = await clearConnector(server.port, '', { loginFor }).openSource('x', quiet)
    await session.close()
    const [, payload = ''] =
      /AUTHENTICATE \S+ (\S+)/.exec(server.commands.find((line) => line.includes('AUTHENTICATE')) ?? '') ?? []
    expect(Buffer.from(payload, 'base64').toString()).toContain('auth=Bearer t0ken\x01')
    expect(asked).toEqual([false])
    await server.stop()
  })

  it.each([
    ['the command', (text: string) => `NO [AUTHENTICATIONFAILED] what is ${text}`],
    ['the password', () => 'NO wrong: s3cr"t-w0rd'],
    ['the password as it was quoted', () => 'NO wrong: "s3cr\\"t-w0rd"'],
    ['the command, cut', (text: string) => `NO ${'-'.repeat(264)} ${text}`],
  ])('shows no words of a server that repeats %s', async (_, words) => {
    const server = await startScriptedImap({
      capabilities: 'SASL-IR AUTH=PLAIN',
      answer: ({ tag, text }) => (text.startsWith('AUTHENTICATE') ? [`${tag} ${words(text)}`] : undefined),
    })
    const error = await failure(clearConnector(server.port, 's3cr"t-w0rd').openSource('x', quiet))
    expect(error).toMatchObject({ kind: 'auth', serverText: '(withheld: it repeats the secret)' })
    expect(error.hint).toContain('check user name and secret')
    await server.stop()
  })

  it('shows the words of a server that does not', async () => {
    const server = await startScriptedImap({
      capabilities: 'SASL-IR AUTH=PLAIN',
      answer: ({ tag, text }) =>
        text.startsWith('AUTHENTICATE') ? [`${tag} NO the account was closed`] : undefined,
    })
    const error = await failure(clearConnector(server.port, 's3cr"t-w0rd').openSource('x', quiet))
    expect(error.serverText).toBe('the account was closed')
    await server.stop()
  })

  it('sends nothing of a secret that would end its field and begin another', async () => {
    const server = await startScriptedImap({ capabilities: 'AUTH=PLAIN AUTH=XOAUTH2' })
    const asPassword = clearConnector(server.port, 'pass\0word').openSource('x', quiet)
    expect(await failure(asPassword)).toMatchObject({ kind: 'config', code: 'CONTROLS' })
    const { loginFor } = tokens('t0ken\x01auth=Bearer other')
    const asToken = clearConnector(server.port, '', { loginFor }).openSource('x', quiet)
    expect(await failure(asToken)).toMatchObject({ kind: 'config', code: 'CONTROLS' })
    expect(server.commands.filter((line) => line.includes('AUTHENTICATE'))).toEqual([])
    await server.stop()
  })

  /** A server that asks these challenges one after the other, then ends the command; what it was answered. */
  async function challenging(capabilities: string, challenges: readonly string[], end: string) {
    const answers: string[] = []
    let tagOf = ''
    const server = await startScriptedImap({
      capabilities,
      answer: ({ tag, text }, socket) => {
        if (text.startsWith('AUTHENTICATE')) tagOf = tag
        else if (text === '') answers.push(tag)
        else return undefined
        const next = challenges[answers.length]
        if (next === undefined) return [`${tagOf} ${end}`]
        socket.write(`+ ${Buffer.from(next).toString('base64')}\r\n`)
        return null
      },
    })
    return { server, answers }
  }

  it.each([
    ['Username:', 'Password:'],
    ['', ''],
    ['User Name\0', 'password'],
  ])('answers the mechanism LOGIN where it asks %j, then %j', async (...challenges) => {
    const { server, answers } = await challenging('AUTH=LOGIN LOGINDISABLED', challenges, 'OK done')
    const loginFor = async (): Promise<Login> => ({
      username: 'änna',
      authorize: null,
      secret: { text: () => 'pä ss' },
    })
    await (await clearConnector(server.port, '', { loginFor }).openSource('x', quiet)).close()
    expect(answers.map((answer) => Buffer.from(answer, 'base64').toString())).toEqual(['änna', 'pä ss'])
    await server.stop()
  })

  it('tells no password to what asks for anything else', async () => {
    const { server, answers } = await challenging('AUTH=LOGIN', ['Username:', 'Pin:'], 'BAD cancelled')
    expect((await failure(clearConnector(server.port, 'secret').openSource('a', quiet))).kind).toBe('auth')
    expect(answers).toEqual([Buffer.from('a').toString('base64'), '*'])
    await server.stop()
  })

  it.each([
    ['XOAUTH2', ''],
    ['OAUTHBEARER', 'AQ=='],
  ])('lets a server of %s say why it refuses a token, and end the command', async (mechanism, last) => {
    const why = '{"status":"invalid_token"}'
    const { server, answers } = await challenging(
      `SASL-IR AUTH=${mechanism}`,
      [why],
      'NO [AUTHENTICATIONFAILED] no',
    )
    const { loginFor } = tokens('t0ken', 't0ken')
    expect((await failure(clearConnector(server.port, '', { loginFor }).openSource('x', quiet))).kind).toBe('auth')
    expect(answers).toEqual([last])
    await server.stop()
  })

  it('asks for the capabilities again after a login that does not tell them', async () => {
    const server = await startScriptedImap({
      answer: ({ tag, text }) => {
        if (text !== 'CAPABILITY') return undefined
        return ['* CAPABILITY IMAP4rev1 NAMESPACE UIDPLUS', `${tag} OK done`]
      },
    })
    await (await clearConnector(server.port, 'x').openSource('a', quiet)).close()
    const words = server.commands.map((line) => line.split(' ')[1])
    expect(words.slice(0, 3)).toEqual(['LOGIN', 'CAPABILITY', 'NAMESPACE'])
    await server.stop()
  })

  it('refreshes a refused token once, and tries no third time', async () => {
    for (const good of ['second', 'none']) {
      const server = await startScriptedImap({
        capabilities: 'SASL-IR AUTH=XOAUTH2',
        answer: ({ tag, text }) => {
          if (!text.startsWith('AUTHENTICATE')) return undefined
          const payload = Buffer.from(text.split(' ')[2] ?? '', 'base64').toString()
          return payload.includes(good) ? undefined : [`${tag} NO [AUTHENTICATIONFAILED] no`]
        },
      })
      const { loginFor, asked } = tokens('first', 'second', 'third')
      const attempt = clearConnector(server.port, '', { loginFor }).openSource('x', quiet)
      if (good === 'second') await (await attempt).close()
      else expect((await failure(attempt)).kind).toBe('auth')
      expect(asked).toEqual([false, true])
      expect(server.commands.filter((line) => line.includes('AUTHENTICATE'))).toHaveLength(2)
      await server.stop()
    }
  })

  it('does not try LOGIN after a refused AUTHENTICATE', async () => {
    const server = await startScriptedImap({
      capabilities: 'AUTH=PLAIN AUTH=LOGIN',
      answer: ({ tag, text }) => (/^(AUTHENTICATE|LOGIN)/.test(text) ? [`${tag} NO denied`] : undefined),
    })
    expect((await failure(clearConnector(server.port, 'x').openSource('a', quiet))).kind).toBe('auth')
    expect(server.commands.filter((line) => /AUTHENTICATE|LOGIN/.test(line))).toHaveLength(1)
    await server.stop()
  })

  it.each(['DOM\\bert', 'DOM/admin/anna', '"quoted"', 'anna*admin', 'änna'])(
    'sends the user name %s unchanged',
    async (username) => {
      for (const capabilities of ['AUTH=PLAIN', 'AUTH=PLAIN LOGINDISABLED', 'LITERAL+']) {
        if (capabilities === 'LITERAL+' && username === 'änna') continue
        const server = await startScriptedImap({
          capabilities,
          answer: ({ tag, text }, socket) => {
            if (/^[A-Za-z0-9+/=]+$/.test(tag) && text === '') return [`${lastTag} OK done`]
            lastTag = tag
            if (!text.startsWith('AUTHENTICATE')) return undefined
            socket.write('+ \r\n')
            return null
          },
        })
        let lastTag = ''
        const loginFor = async (): Promise<Login> => ({ username, authorize: null, secret: { text: () => 'pw' } })
        await (await clearConnector(server.port, '', { loginFor }).openSource('x', quiet)).close()
        const sent = server.commands.join('\n')
        const plain = Buffer.from(`\0${username}\0pw`).toString('base64')
        const quoted = `"${username.replace(/["\\]/g, '\\$&')}" "pw"`
        expect(sent.includes(plain) || sent.includes(`LOGIN ${quoted}`), sent).toBe(true)
        expect(sent.match(/AUTHENTICATE|LOGIN /g)).toHaveLength(1)
        await server.stop()
      }
    },
  )

  it('answers PLAIN on the same line where the server takes that (RFC 4959), and waits to be asked elsewhere', async () => {
    for (const capabilities of ['SASL-IR AUTH=PLAIN', 'AUTH=PLAIN']) {
      const server = await startScriptedImap({
        capabilities,
        answer: ({ tag, text }) => (/^(AUTHENTICATE|LOGIN)/.test(text) ? [`${tag} NO denied`] : undefined),
      })
      const loginFor = async (): Promise<Login> => ({
        username: 'admin',
        authorize: 'anna',
        secret: { text: () => 'pä ss' },
      })
      await failure(clearConnector(server.port, '', { loginFor }).openSource('x', quiet))
      const response = Buffer.from('anna\0admin\0pä ss').toString('base64')
      expect(server.commands.find((line) => line.includes('AUTHENTICATE'))).toMatch(
        capabilities === 'AUTH=PLAIN' ? / AUTHENTICATE PLAIN$/ : new RegExp(` AUTHENTICATE PLAIN ${response}$`),
      )
      await server.stop()
    }
  })

  it('falls back to LOGIN where there is nothing else', async () => {
    const server = await startScriptedImap()
    await (await clearConnector(server.port, 'p"a\\ss').openSource('a', quiet)).close()
    expect(server.commands.find((line) => line.includes('LOGIN'))).toMatch(/LOGIN "?a"? "p\\"a\\\\ss"$/)
    await server.stop()
  })

  it.each([
    ['NO [AUTHENTICATIONFAILED] x', 'auth'],
    ['NO [EXPIRED] x', 'auth'],
    ['NO Login failed.', 'auth'],
    ['NO [UNAVAILABLE] Temporary authentication failure', 'transient'],
    ['NO [LIMIT] Too many simultaneous connections', 'throttled'],
    ['BAD Request is throttled. Suggested Backoff Time: 12345 milliseconds', 'throttled'],
  ])('reads %s as %s', async (answer, kind) => {
    const server = await startScriptedImap({
      answer: ({ tag, text }) => (text.startsWith('LOGIN') ? [`${tag} ${answer}`] : undefined),
    })
    const begun = performance.now()
    const error = await failure(clearConnector(server.port, 'x').openSource('a', quiet))
    expect(error.kind).toBe(kind)
    if (answer.includes('Backoff')) expect(error.retryAfter).toBe(12345)
    expect(performance.now() - begun).toBeLessThan(3000)
    await server.stop()
  })

  it('says what a login without a mailbox lacks', async () => {
    const server = await startScriptedImap({
      capabilities: 'NAMESPACE',
      answer: ({ tag, text }) =>
        /^(NAMESPACE|LIST)/.test(text) ? [`${tag} BAD User is authenticated but not connected.`] : undefined,
    })
    expect(await failure(clearConnector(server.port, 'x').openSource('a', quiet))).toMatchObject({
      kind: 'config',
      code: 'NOTCONNECTED',
      hint: expect.stringContaining('Add-MailboxPermission') as string,
    })
    await server.stop()
  })

  it('takes the same words for a passing trouble once the account has been open', async () => {
    let isCrowded = false
    const words = 'BAD User is authenticated but not connected.'
    const server = await startScriptedImap({
      answer: ({ tag, text }) => (isCrowded && /^(LOGIN|EXAMINE)/.test(text) ? [`${tag} ${words}`] : undefined),
    })
    const connector = clearConnector(server.port, 'x')
    const session = await connector.openSource('a', quiet)
    const [inbox] = await collect(session.listMailboxes(quiet))
    isCrowded = true
    if (inbox === undefined) throw new Error('no inbox')
    const passing = { kind: 'throttled', code: 'NOTCONNECTED', retryAfter: 30_000 }
    expect(await failure(collect(session.listMessages(inbox, null, quiet)))).toMatchObject(passing)
    expect(session.alive).toBe(false)
    expect(await failure(connector.openSource('a', quiet))).toMatchObject(passing)
    isCrowded = false
    await (await connector.openSource('a', quiet)).close()
    await server.stop()
  })

  it('says BYE at the door as what it is', async () => {
    const server = await startScriptedImap({
      greeting: '* BYE [UNAVAILABLE] Maximum number of connections from user+IP exceeded\r\n',
    })
    expect((await failure(clearConnector(server.port, 'x').openSource('a', quiet))).kind).toBe('throttled')
    await server.stop()
  })

  it('does not wait for ever for a server that falls silent in the middle of a login', async () => {
    const server = await startScriptedImap({ answer: ({ text }) => (text.startsWith('LOGIN') ? null : undefined) })
    const error = await failure(
      clearConnector(server.port, 'x', { timeouts: { connect: 100 } }).openSource('a', quiet),
    )
    expect(error).toMatchObject({ kind: 'transient' })
    expect(error.message).toContain('no answer in time')
    await server.stop()
  })
})
