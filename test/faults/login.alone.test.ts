import { describe, expect, it } from 'vitest'
import { answer, cut } from '../fakes/faults.ts'
import { isLong } from '../long.ts'
import { whyNoDovecot } from '../servers/dovecot.ts'
import { plainMail } from './mail.ts'
import { counts, useStage } from './stage.ts'

/** How many mailboxes one credential opens. */
const MAILBOXES = isLong('faults') ? 50 : 15
const LOGIN = /^(LOGIN|AUTHENTICATE)/

describe.skipIf(whyNoDovecot() !== null)('a credential that is refused', () => {
  const stage = useStage()

  function logins(): { readonly tried: number; readonly refused: number } {
    const seen = stage.proxies.destination.commands.filter(({ text }) => LOGIN.test(text))
    return { tried: seen.length, refused: seen.filter(({ reply }) => reply === 'NO').length }
  }

  it(`is tried for two accounts of ${MAILBOXES}, all lanes, and is taken up again when it has been set anew`, async () => {
    const project = await stage.project(
      plainMail(3),
      { adminPassword: 'wrong', lanes: 4, limits: { accounts: 8 } },
      MAILBOXES,
    )
    const { pairs, totals } = await project.run()
    expect(logins()).toEqual({ tried: 2, refused: 2 })
    expect(pairs.map(({ error }) => error?.kind)).toEqual(Array.from({ length: MAILBOXES }, () => 'auth'))
    expect(totals.landed + totals.appending).toBe(0)
    expect(
      JSON.stringify(pairs.map(({ error }) => [error?.message, error?.hint, error?.serverText])),
    ).not.toContain('wrong')

    const { masterPassword } = stage.destination
    const warnings: Error[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning)
    process.on('warning', onWarning)
    const again = await project.run({ adminPassword: masterPassword })
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
    expect(again.pairs.every(({ error }) => error === null)).toBe(true)
    expect(counts(again.totals)).toEqual({ source: 3 * MAILBOXES, landed: 3 * MAILBOXES })
    expect(logins().refused).toBe(2)
  })

  it.each(['its own', 'one for all'])(
    'of one account alone stops that account and no other (%s)',
    async (whose) => {
      const { masterPassword, masterUser } = stage.destination
      const options = whose === 'its own' ? {} : { adminPassword: masterPassword }
      const project = await stage.project(plainMail(12), options, 3)
      const [, unlucky = ''] = project.accounts
      const refusal = answer(LOGIN, 'NO [AUTHENTICATIONFAILED] Authentication failed.')
      const armed = stage.proxies.destination
        .arm(refusal)
        .forAccount(whose === 'its own' ? unlucky : `${unlucky}*${masterUser}`)
        .always()
      const { pairs } = await project.run()
      expect(pairs.map(({ error }) => error?.kind ?? null)).toEqual([null, 'auth', null])
      expect(armed.fired).toBe(1)
      armed.disarm()
      expect(counts((await project.run()).totals)).toEqual({ source: 36, landed: 36 })
    },
  )

  it('in the middle of a run, when a connection is opened again, is not tried twice either', async () => {
    const project = await stage.project(plainMail(60), { lanes: 2 })
    const { destination } = stage.proxies
    const armed = destination.arm(answer(LOGIN, 'NO [EXPIRED] password expired')).after(1).always()
    const { pairs } = await project.run()
    expect(pairs[0]?.error?.kind).toBe('auth')
    expect(armed.fired).toBe(1)
    armed.disarm()
    await project.run()
    await project.expectMoved()
  })

  it('is told from servers that hang up after TLS, before they greet: each is asked once more', async () => {
    const project = await stage.project(plainMail(10), { lanes: 1 })
    const { source, destination } = stage.proxies
    const proxies = [source, destination]
    const before = proxies.map(({ connections }) => connections)
    for (const proxy of proxies) proxy.arm(cut('CONNECT', 'before'))
    const { pairs } = await project.run()
    expect(pairs[0]?.error).toBeNull()
    expect(project.waits('transient')).toEqual([250, 250])
    for (const [n, { connections, commands }] of proxies.entries()) {
      const loggedIn = commands.filter(({ text }) => LOGIN.test(text)).length
      expect(connections - (before[n] ?? 0) - loggedIn).toBe(1)
    }
    await project.expectMoved()
  })

  it('is told from a server that has no time for logins', async () => {
    const project = await stage.project(plainMail(10), { lanes: 1 })
    const { destination } = stage.proxies
    destination.arm(answer(LOGIN, 'NO [UNAVAILABLE] Temporary authentication failure.'))
    destination.arm(answer('CONNECT', '* BYE Too many connections')).after(1)
    const { pairs } = await project.run()
    expect(pairs[0]?.error).toBeNull()
    expect(project.waits('throttled')).toHaveLength(1)
    await project.expectMoved()
  })
})
