import { describe, expect, it } from 'vitest'
import type { Connector } from '../../src/core/connector.ts'
import { SealpostError } from '../../src/core/errors.ts'
import { planProject } from '../../src/engine/plan-project.ts'
import { runProject } from '../../src/engine/run-project.ts'
import { DEFAULT_LIMITS, DEFAULT_MAPPING, NO_FILTERS, type EngineContext } from '../../src/engine/settings.ts'
import { ByteBudget } from '../../src/core/byte-budget.ts'
import { verifyProject } from '../../src/verify/verify-project.ts'
import { verifyContext } from '../verify/context.ts'
import { Fixture, mail, nonZero } from './fixture.ts'

const ACCOUNTS = Array.from({ length: 40 }, (_, index) => `user${index}`)
const NEVER = new AbortController().signal

/** An end at which `isRefused` is asked before each session is opened, with how often that was. */
function refusing(
  end: Connector,
  isRefused: (account: string) => string | null,
): { readonly end: Connector; attempts: number } {
  const refuse = (account: string): void => {
    refusals.attempts++
    const code = isRefused(account)
    if (code !== null) throw new SealpostError('transient', 'host:1: nothing listens there', { code })
  }
  const refusals = {
    attempts: 0,
    end: {
      ...end,
      openSource: async (account: string, signal: AbortSignal) => {
        refuse(account)
        return end.openSource(account, signal)
      },
      openDestination: async (account: string, signal: AbortSignal) => {
        refuse(account)
        return end.openDestination(account, signal)
      },
    },
  }
  return refusals
}

function contextOf(fixture: Fixture, ends: Pick<EngineContext, 'source' | 'destination'>): EngineContext {
  return {
    ...ends,
    ...{ ledger: fixture.ledger, spool: fixture.spool, clock: fixture.clock },
    ...{ mapping: DEFAULT_MAPPING, filters: NO_FILTERS, limits: DEFAULT_LIMITS },
    events: (event) => fixture.events.push(event),
    budget: new ByteBudget(DEFAULT_LIMITS.memoryBytes),
  }
}

describe('an end at which nobody has ever answered in this run', () => {
  it.each(['run', 'plan', 'verify'] as const)(
    'is tried for seconds, whatever the number of accounts, by %s',
    async (what) => {
      const fixture = new Fixture()
      const { source, destination } = fixture.connectors()
      const refused = refusing(destination, () => 'ECONNREFUSED')
      const pairs = fixture.pairs(...ACCOUNTS)
      const begun = fixture.clock.now()
      const context = contextOf(fixture, { source, destination: refused.end })
      let errors: readonly (SealpostError | null)[]
      if (what === 'run') errors = (await runProject(context, pairs, NEVER, NEVER)).pairs.map(({ error }) => error)
      else if (what === 'plan')
        errors = (await planProject(context, pairs, () => undefined, NEVER)).map(({ error }) => error)
      else {
        const work = { ...verifyContext(refused.end, fixture.ledger, fixture.clock), events: context.events }
        errors = (await verifyProject(work, pairs, 'full', NEVER)).failures.map(({ error }) => error)
      }
      expect(errors.map((error) => error?.code)).toEqual(pairs.map(() => 'ECONNREFUSED'))
      // Four accounts at once share a clock here on which the sleeps of each pass for all.
      expect(fixture.clock.now() - begun).toBeLessThanOrEqual(4 * 7_750)
      expect(refused.attempts).toBeGreaterThanOrEqual(6)
      expect(refused.attempts).toBeLessThanOrEqual(4 * 6)
      expect(fixture.events).toContainEqual(
        expect.objectContaining({ event: 'waiting', message: 'host:1: nothing listens there' }),
      )
    },
  )

  it('is waited for no longer than a minute where each attempt takes long', async () => {
    const fixture = new Fixture()
    const { source, destination } = fixture.connectors()
    const silent = refusing(source, () => 'ETIMEDOUT')
    const slow: Connector = {
      ...silent.end,
      openSource: async (account, signal) => {
        await fixture.clock.sleep(30_000, signal)
        return silent.end.openSource(account, signal)
      },
    }
    const [pair] = fixture.pairs()
    await runProject(
      contextOf(fixture, { source: slow, destination }),
      pair === undefined ? [] : [pair],
      NEVER,
      NEVER,
    )
    expect(silent.attempts).toBe(2)
  })

  it('has all accounts moved when it answers one of those who came first', async () => {
    const fixture = new Fixture()
    for (const name of ACCOUNTS) fixture.source.account(name).add(['INBOX'], mail(name))
    const { source, destination } = fixture.connectors()
    const late = refusing(source, () => (late.attempts <= 10 ? 'ECONNREFUSED' : null))
    const pairs = fixture.pairs(...ACCOUNTS)
    const { totals } = await runProject(contextOf(fixture, { source: late.end, destination }), pairs, NEVER, NEVER)
    expect(nonZero(totals)).toEqual({ source: ACCOUNTS.length, landed: ACCOUNTS.length })
  })
})

describe('an end that has answered', () => {
  it('is waited for in the middle of a run, though a new connection is refused for half a minute', async () => {
    const fixture = new Fixture()
    fixture.alice.add(['INBOX'], mail('one'))
    fixture.source.account('bob').add(['INBOX'], mail('two'))
    const { source, destination } = fixture.connectors()
    let backAt = Infinity
    const restarting = refusing(destination, (account) => {
      if (account === 'alice') return null
      if (backAt === Infinity) backAt = fixture.clock.now() + 30_000
      return fixture.clock.now() < backAt ? 'ECONNREFUSED' : null
    })
    fixture.settings = { limits: { ...DEFAULT_LIMITS, accounts: 1 } }
    const context = { ...contextOf(fixture, { source, destination: restarting.end }), ...fixture.settings }
    const { totals } = await runProject(context, fixture.pairs('alice', 'bob'), NEVER, NEVER)
    expect(nonZero(totals)).toEqual({ source: 2, landed: 2 })
    expect(fixture.clock.now()).toBeGreaterThanOrEqual(backAt)
  })

  it('is one that cut the connection: its other accounts are waited for as long', async () => {
    const fixture = new Fixture()
    fixture.alice.add(['INBOX'], mail('one'))
    const { source, destination } = fixture.connectors()
    const flapping = refusing(destination, () => (flapping.attempts <= 15 ? 'HUNG_UP' : null))
    const { totals } = await runProject(
      contextOf(fixture, { source, destination: flapping.end }),
      fixture.pairs(),
      NEVER,
      NEVER,
    )
    expect(nonZero(totals)).toEqual({ source: 1, landed: 1 })
  })
})
