import { chmodSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createImapConnector } from '../../connectors/imap/imap-connector.ts'
import { createGoogleTokens } from '../../connectors/shared/google-tokens.ts'
import { createMicrosoftTokens } from '../../connectors/shared/microsoft-tokens.ts'
import { EXCHANGE_IMAP_SCOPE, GOOGLE_IMAP_SCOPE } from '../../connectors/shared/sign-in-places.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { TokenProvider } from '../../src/core/ports.ts'
import { collect, errorOf } from '../conformance/bench.ts'
import { whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { startOauthDovecot } from './dovecot.ts'
import { quiet, startOauth, type OauthStage } from './stage.ts'

const ANNA = 'anna@example.test'
const BERT = 'bert@example.test'
const why = whyNoDovecot()

describe.skipIf(why !== null)(`tokens at a real server that has them introspected ${why ?? ''}`, () => {
  let stage: OauthStage
  let keyFile: string
  const servers = new Map<string, Dovecot>()
  beforeAll(async () => {
    stage = await startOauth()
    chmodSync(stage.authority.folder, 0o755)
    stage.provider.users.add(ANNA).add(BERT)
    keyFile = stage.serviceAccount([GOOGLE_IMAP_SCOPE])
    stage.provider.applications.push({ tenant: 't', clientId: 'app', secret: 'shh', speaksFor: ANNA })
    for (const mechanism of ['xoauth2', 'oauthbearer']) {
      servers.set(mechanism, await startOauthDovecot(stage, mechanism, [ANNA, BERT]))
    }
  })
  afterAll(async () => {
    for (const server of servers.values()) await server.stop()
    await stage.stop()
  })
  beforeEach(() => {
    stage.provider.life = 3600
    stage.provider.asked = 0
  })

  const google = (): TokenProvider =>
    createGoogleTokens({
      credential: 'google',
      serviceAccount: async () => ({ text: () => keyFile }),
      scopes: [GOOGLE_IMAP_SCOPE],
      clock: systemClock,
      tokenUrl: `${stage.provider.url}/token`,
      ca: stage.authority.certificate,
    })

  const microsoft = (): TokenProvider =>
    createMicrosoftTokens({
      tenant: 't',
      clientId: 'app',
      credential: 'microsoft',
      secret: async () => ({ text: () => 'shh' }),
      scope: EXCHANGE_IMAP_SCOPE,
      clock: systemClock,
      authority: stage.provider.url,
      ca: stage.authority.certificate,
    })

  function connectorTo(mechanism: string, tokens: TokenProvider) {
    const server = servers.get(mechanism)
    if (server === undefined) throw new Error('no such server')
    return createImapConnector({
      host: server.host,
      port: server.imapsPort,
      tls: { mode: 'implicit', ca: server.ca },
      clock: systemClock,
      loginFor: async (account, signal) => ({
        username: account,
        authorize: null,
        secret: { token: (force) => tokens.token(account, force, signal) },
      }),
    })
  }

  it.each([
    ['xoauth2', google],
    ['oauthbearer', google],
    ['xoauth2', microsoft],
    ['oauthbearer', microsoft],
  ] as const)('open the account by %s', async (mechanism, provider) => {
    const introspected = stage.provider.introspected
    const session = await connectorTo(mechanism, provider()).openSource(ANNA, quiet)
    expect((await collect(session.listMailboxes(quiet))).map(({ path }) => path)).toContainEqual(['INBOX'])
    expect(stage.provider.introspected).toBeGreaterThan(introspected)
    await session.close()
  })

  it.each(['xoauth2', 'oauthbearer'])('are renewed once when the server refuses one (%s)', async (mechanism) => {
    const tokens = google()
    const connector = connectorTo(mechanism, tokens)
    await (await connector.openSource(ANNA, quiet)).close()
    stage.provider.revokeAll()
    await (await connector.openSource(ANNA, quiet)).close()
    expect(stage.provider.asked).toBe(2)
  })

  it('are renewed before they end, session after session', async () => {
    stage.provider.life = 1
    const connector = connectorTo('xoauth2', google())
    for (let round = 0; round < 6; round++) {
      const session = await connector.openSource(ANNA, quiet)
      await collect(session.listMailboxes(quiet))
      await session.close()
      await systemClock.sleep(500, quiet)
    }
    expect(stage.provider.asked).toBeGreaterThanOrEqual(3)
  })

  it('of another user are refused, and the error says where to look and holds no token', async () => {
    const tokens = google()
    const borrowed: TokenProvider = { token: (_account, force, signal) => tokens.token(BERT, force, signal) }
    const error = await errorOf(connectorTo('xoauth2', borrowed).openSource(ANNA, quiet))
    expect(error).toMatchObject({ kind: 'auth' })
    expect(error.hint).toMatch(/IMAP.*enabled/)
    // One refused, one renewed and refused as well.
    expect(stage.provider.asked).toBe(2)
    const said = [error.message, error.hint, error.serverText, String(error.cause), error.stack].join('\n')
    for (const token of stage.provider.tokens.keys()) expect(said).not.toContain(token)
  })
})
