import { describe, expect, it } from 'vitest'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import { SealpostError } from '../../src/core/errors.ts'
import { LoginGate } from '../../src/core/login-gate.ts'

/** A door that knows who is let in, and counts who knocks. */
function door(isLetIn: (account: string) => boolean) {
  const gate = new LoginGate(systemClock)
  const knocked: string[] = []
  let inside = 0
  let mostInside = 0
  const enter = async (account: string, credential = 'admin'): Promise<string> => {
    try {
      return await gate.enter(credential, account, async () => {
        knocked.push(account)
        mostInside = Math.max(mostInside, ++inside)
        await Promise.resolve()
        inside--
        if (!isLetIn(account)) throw new SealpostError('auth', `no ${account}`)
        return 'session'
      })
    } catch (error) {
      return error instanceof SealpostError ? error.message : 'bug'
    }
  }
  return { enter, knocked, most: () => mostInside }
}

const accounts = Array.from({ length: 50 }, (_, n) => `a${n}`)

describe('the login gate', () => {
  it('makes two failed logins of one wrong password over fifty accounts', async () => {
    const { enter, knocked, most } = door(() => false)
    const ended = await Promise.all(accounts.map((account) => enter(account)))
    expect(knocked).toHaveLength(2)
    expect(most()).toBe(1)
    expect(ended.every((message) => message.startsWith('no a'))).toBe(true)
    await enter('a49')
    expect(knocked).toHaveLength(2)
  })

  it('makes one of it where an account has a credential of its own', async () => {
    const { enter, knocked } = door(() => false)
    await Promise.all([1, 2, 3].map(() => enter('anna', 'her own')))
    await enter('anna', 'her own')
    expect(knocked).toEqual(['anna'])
  })

  it.each([[0], [1], [25], [49]])(
    'one account that is not there (the %i.) keeps no other back',
    async (absent) => {
      const { enter, knocked } = door((account) => account !== `a${absent}`)
      const ended = await Promise.all(accounts.map((account) => enter(account)))
      expect(ended.filter((end) => end !== 'session')).toEqual([`no a${absent}`])
      expect(await enter(`a${absent}`)).toBe(`no a${absent}`)
      expect(knocked).toHaveLength(accounts.length)
    },
  )

  it('gives up a credential that was good, at the fourth account in a row', async () => {
    let isGood = true
    const { enter, knocked } = door(() => isGood)
    await enter('a0')
    isGood = false
    for (const account of accounts) await enter(account)
    expect(knocked).toEqual(['a0', 'a0', 'a1', 'a2', 'a3'])
  })

  it('lets many in at once when the credential is known to be good, and one at a time while it is not', async () => {
    const { enter, most } = door(() => true)
    await enter('a0')
    expect(most()).toBe(1)
    await Promise.all(accounts.map((account) => enter(account)))
    expect(most()).toBeGreaterThan(1)
  })

  it('learns nothing from a trouble of the network', async () => {
    const gate = new LoginGate(systemClock)
    const fail = (): Promise<never> => Promise.reject(new SealpostError('transient', 'lost'))
    for (let n = 0; n < 6; n++) await expect(gate.enter('admin', 'a', fail)).rejects.toThrow('lost')
    expect(await gate.enter('admin', 'a', () => Promise.resolve(1))).toBe(1)
  })
})

const LANES = 8
const LANE = Array.from({ length: LANES }, (_, lane) => lane)

/** The lanes of one account, that all log in at once: how many were tried, and what became of them. */
function lanes() {
  let time = 0
  const clock: Clock = { ...systemClock, monotonic: () => time }
  const gate = new LoginGate(clock)
  const logIn = async (outcome: SealpostError | null): Promise<{ tried: number; ends: readonly string[] }> => {
    let tried = 0
    const login = async (): Promise<string> => {
      tried++
      await new Promise((resolve) => setImmediate(resolve))
      if (outcome !== null) throw outcome
      return 'session'
    }
    const enter = (): Promise<string> =>
      gate.enter('her own', 'anna', login).catch((error: unknown) => (error as Error).message)
    return { ends: await Promise.all(LANE.map(enter)), tried }
  }
  return { logIn, later: (milliseconds: number) => void (time += milliseconds) }
}

describe('the login gate, when all connections of an account were lost', () => {
  const all = (end: string): readonly string[] => LANE.map(() => end)

  it('makes one failed login of a password that was changed meanwhile', async () => {
    const { later, logIn } = lanes()
    expect(await logIn(null)).toEqual({ tried: LANES, ends: all('session') })
    later(60_000)
    expect(await logIn(new SealpostError('auth', 'refused'))).toEqual({ tried: 1, ends: all('refused') })
  })

  it('lets all in after the one that goes ahead', async () => {
    const { later, logIn } = lanes()
    await logIn(null)
    later(60_000)
    expect(await logIn(null)).toEqual({ tried: LANES, ends: all('session') })
  })

  it('has no lane wait for another one while the server is away', async () => {
    const { later, logIn } = lanes()
    await logIn(null)
    later(60_000)
    const away = new SealpostError('transient', 'away')
    for (let again = 0; again < 3; again++) expect(await logIn(away)).toEqual({ tried: 1, ends: all('away') })
    expect(await logIn(null)).toEqual({ tried: LANES, ends: all('session') })
  })
})
