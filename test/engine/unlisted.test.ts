import { describe, expect, it } from 'vitest'
import { SealpostError, type ErrorKind } from '../../src/core/errors.ts'
import { ledgerCode } from '../../src/cli/outcome.ts'
import { planRisks } from '../../src/cli/report/plan-risks.ts'
import { planProject, type PlannedPair } from '../../src/engine/plan-project.ts'
import type { PlanAssumptions } from '../../src/report/plan-report.ts'
import { ByteBudget } from '../../src/core/byte-budget.ts'
import { DEFAULT_LIMITS, DEFAULT_MAPPING, NO_FILTERS } from '../../src/engine/settings.ts'
import { Fixture, mail, nonZero, openFindings } from './fixture.ts'

/** A source with three mailboxes, of which the one in the middle does not open. */
function withClosed(kind: ErrorKind, code?: string): Fixture {
  const fixture = new Fixture()
  for (const name of ['INBOX', 'Closed', 'Zoo']) {
    for (let n = 0; n < 3; n++) fixture.alice.add([name], mail(`${name} ${n}`))
  }
  fixture.sourceOptions = {
    onStep: ({ op, mailbox, phase }) => {
      if (op === 'listMessages' && mailbox === 'Closed' && phase === 'before')
        throw new SealpostError(kind, 'imap: opening a mailbox: the server refused', {
          serverText: 'not for you',
          ...(code === undefined ? {} : { code }),
        })
    },
  }
  return fixture
}

async function planned(fixture: Fixture): Promise<readonly PlannedPair[]> {
  const context = {
    ...fixture.connectors(),
    ...{ ledger: fixture.ledger, spool: fixture.spool, clock: fixture.clock, events: () => undefined },
    ...{ mapping: DEFAULT_MAPPING, filters: NO_FILTERS, limits: DEFAULT_LIMITS },
    budget: new ByteBudget(DEFAULT_LIMITS.memoryBytes),
  }
  return planProject(context, fixture.pairs(), () => undefined, new AbortController().signal)
}

function risksOf(plan: PlannedPair | undefined): readonly string[] {
  const assumptions = { limits: [] } as unknown as PlanAssumptions
  return planRisks(plan === undefined ? [] : [plan], assumptions, false).map(({ code }) => code)
}

describe('a source with labels that does not show all mail', () => {
  it.each([true, false])('is a risk that the plan names (hidden: %s)', async (isHidden) => {
    const fixture = new Fixture()
    fixture.sourceOptions = { capabilities: { labels: true } }
    fixture.alice.add(['INBOX'], mail('x'))
    if (!isHidden) fixture.alice.create(['All Mail'], 'all')
    const [plan] = await planned(fixture)
    expect(risksOf(plan).includes('all-mail-hidden')).toBe(isHidden)
  })
})

describe('a mailbox over which the source fails each time (SERVERBUG)', () => {
  it('keeps no other from being moved, while the session is good', async () => {
    const fixture = withClosed('transient', 'SERVERBUG')
    const { pairs, totals } = await fixture.run()
    expect(pairs[0]?.error).toBeNull()
    expect(nonZero(totals)).toEqual({ source: 6, landed: 6 })
    expect(openFindings({ findings: fixture.ledger.findings(null) })).toHaveLength(1)
    expect(fixture.clock.slept.length).toBeGreaterThan(4)
  })

  it('is no such thing where it cannot be told from a connection that fails', async () => {
    const fixture = withClosed('transient', 'LOST')
    const { pairs } = await fixture.run()
    expect(pairs[0]?.error).toMatchObject({ kind: 'transient' })
    expect(fixture.ledger.findings(null)).toEqual([])
  })
})

describe.each(['rejected', 'not-found'] as const)(
  'a mailbox that the source does not let be listed (%s)',
  (kind) => {
    it('keeps no other from being moved, and is a finding until it can', async () => {
      const fixture = withClosed(kind)
      const first = await fixture.run()
      expect(first.pairs[0]?.error).toBeNull()
      expect(nonZero(first.totals)).toEqual({ source: 6, landed: 6 })
      const refused = 'unlisted: a source mailbox that can be listed / refused: not for you'
      expect(openFindings({ findings: fixture.ledger.findings(null) })).toEqual([refused])
      expect(ledgerCode(fixture.ledger, fixture.pairs())).toBe(3)
      await fixture.run()
      expect(openFindings({ findings: fixture.ledger.findings(null) })).toEqual([refused])
      fixture.sourceOptions = {}
      const { totals } = await fixture.run()
      expect(nonZero(totals)).toEqual({ source: 9, landed: 9 })
      expect(fixture.ledger.findings(null)).toEqual([])
      expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
    })

    it('is no finding any more when it is no more', async () => {
      const fixture = withClosed(kind)
      await fixture.run()
      fixture.alice.remove(['Closed'])
      const { totals } = await fixture.run()
      expect(fixture.ledger.findings(null)).toEqual([])
      expect(nonZero(totals)).toEqual({ source: 6, landed: 6 })
    })

    it('loses nothing of what was known before', async () => {
      const fixture = withClosed(kind)
      const { sourceOptions } = fixture
      fixture.sourceOptions = {}
      await fixture.run()
      fixture.alice.add(['Closed'], mail('late'))
      fixture.sourceOptions = sourceOptions
      const { totals } = await fixture.run()
      expect(nonZero(totals)).toEqual({ source: 9, landed: 9 })
      expect(ledgerCode(fixture.ledger, fixture.pairs())).toBe(3)
    })

    it('is said in the plan, which has all the others', async () => {
      const fixture = withClosed(kind)
      const [plan] = await planned(fixture)
      expect(risksOf(plan)).toContain('unreadable')
      expect(plan?.error).toBeNull()
      expect(plan?.mailboxes.map(({ messages, unlisted }) => [messages, unlisted?.serverText])).toEqual([
        [0, 'not for you'],
        [3, undefined],
        [3, undefined],
      ])
    })
  },
)
