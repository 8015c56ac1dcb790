import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chmodSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GOOGLE_IMAP_SCOPE } from '../../connectors/shared/sign-in-places.ts'
import { startOauthDovecot } from '../oauth/dovecot.ts'
import { startOauth, type OauthStage } from '../oauth/stage.ts'
import { whyNoDovecot, type Dovecot } from '../servers/dovecot.ts'
import { isLong } from '../long.ts'
import { Place } from './program.ts'

const why = whyNoDovecot()
/** The long form: tokens of 60 s, a run of more than ten minutes. */
const LONG = isLong('tokens')
/** Seconds that a token lives. */
const LIFE = LONG ? 60 : 2
/** How often the server throws everybody out while the run goes on, and how long it takes to let somebody in again. */
const KICKS = LONG ? 25 : 3
const LOGIN_MS = LONG ? 25_000 : 1_700
const MESSAGES = LONG ? 3_000 : 300
const ANNA = 'anna@example.test'

describe.skipIf(why !== null)(`the program with access tokens ${why ?? ''}`, () => {
  let place: Place
  let stage: OauthStage
  let dovecot: Dovecot

  beforeAll(async () => {
    stage = await startOauth()
    chmodSync(stage.authority.folder, 0o755)
    stage.provider.users.add(ANNA)
    stage.provider.applications.push({
      tenant: 'contoso.test',
      clientId: 'app',
      secret: 'shh',
      speaksFor: ANNA,
    })
    dovecot = await startOauthDovecot(stage, 'xoauth2', [ANNA], {
      // One message a command, so that there is time to throw it out in between.
      capabilities: 'LITERAL+ UIDPLUS NAMESPACE SASL-IR',
    })
    place = await Place.open()
    await place.init()
    await writeFile(join(place.project, 'identity-ca.pem'), stage.authority.certificate)
    await writeFile(join(place.project, 'imap-ca.pem'), dovecot.ca)
    await place.fillMaildir(ANNA, MESSAGES)
  })
  afterAll(async () => {
    await place.close()
    await dovecot.stop()
    await stage.stop()
  })

  async function arrived(): Promise<number> {
    const status = await dovecot.doveadm('mailbox', 'status', '-u', ANNA, 'messages', 'INBOX').catch(() => '')
    return Number(/messages=(\d+)/.exec(status)?.[1] ?? 0)
  }

  function yaml(auth: string): string {
    return `version: 1
client: Beispiel GmbH
source: { kind: maildir, path: "old/{account}" }
destination:
  kind: imap
  host: 127.0.0.1
  port: ${dovecot.imapsPort}
  tls: { mode: implicit, ca: imap-ca.pem }
  auth: { mode: oauth, ${auth}, ca: identity-ca.pem }
limits: { lanes: 1 }
`
  }

  it(
    'moves mail for a run that outlives its tokens several times',
    async () => {
      await place.keep('google', 'service-account', stage.serviceAccount([GOOGLE_IMAP_SCOPE]))
      const auth = `provider: google, credential: google, endpoint: "${stage.provider.url}/token"`
      await place.configure(yaml(auth), `source,destination\n${ANNA},${ANNA}\n`)
      stage.provider.life = LIFE
      stage.provider.introspectionDelay = LOGIN_MS
      const begun = performance.now()
      const running = place.start(['run', '--passphrase-file', place.passphraseFile], { cwd: place.project })
      let kicked = 0
      for (let before = 0; kicked < KICKS && running.exitCode === null;) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        const there = await arrived()
        // The server itself throws the session out, as it may do at any time.
        if (there > before)
          await dovecot.doveadm('kick', ANNA).then(
            () => kicked++,
            () => undefined,
          )
        before = there
      }
      const { exitCode, stderr } = await running
      const elapsed = performance.now() - begun
      stage.provider.introspectionDelay = 0
      expect([exitCode, stderr.split('\n').filter((line) => line.startsWith('sealpost:'))]).toEqual([0, []])
      expect(await arrived()).toBe(MESSAGES)
      expect(kicked).toBeGreaterThanOrEqual(LONG ? KICKS : 2)
      if (LONG) expect(elapsed).toBeGreaterThan(600_000)
      // One token did not last: in the short form each login needs one, in the long form each minute.
      expect(stage.provider.asked).toBeGreaterThanOrEqual(LONG ? Math.floor(elapsed / 60_000) : kicked)
      const verified = await place.run(['verify', '--level', 'full'])
      expect(verified.exitCode).toBe(0)
    },
    LONG ? 1_500_000 : 120_000,
  )

  it('keeps key files whole, shows their kind, and refuses to have them typed in', async () => {
    const { stdout } = await place.run(['credentials', 'list'])
    expect(stdout).toMatch(/google\s+service-account/)
    expect(await place.run(['credentials', 'set', 'x', '--kind', 'client-certificate'])).toMatchObject({
      exitCode: 2,
      stderr:
        'sealpost: the certificate with its key has several lines and is not typed in. Use --secret-file FILE or --secret-fd N.\n',
    })
  })

  it('says in one line which setting is wrong', async () => {
    await place.keep('app', 'client-secret', 'wrong\n')
    const auth = (tenant: string): string =>
      `provider: microsoft, tenant: ${tenant}, client_id: app, credential: app, endpoint: "${stage.provider.url}"`
    const row = `source,destination\n${ANNA},${ANNA}\n`
    await place.configure(yaml(auth('fabrikam.test')), row)
    expect(await place.run(['run'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(
        /there is no tenant fabrikam\.test .*Set auth\.tenant to the tenant id/,
      ) as string,
    })
    await place.configure(yaml(auth('contoso.test')), row)
    const { exitCode, stderr } = await place.run(['run'])
    expect(exitCode).not.toBe(0)
    expect(stderr).toMatch(/the client secret of credential "app" is wrong/)
    await place.keep('app', 'client-secret', 'shh\n')
    expect((await place.run(['run'])).exitCode).toBe(0)
  })
})
