import { describe, expect, it } from 'vitest'
import { SealpostError } from '../../src/core/errors.ts'
import { DEFAULT_MAPPING, NO_FILTERS, scopeOf, type Filters } from '../../src/engine/settings.ts'
import { Fixture, mail, nonZero, openFindings } from './fixture.ts'

const DAY = 86_400_000
const FIRST = Date.UTC(2024, 0, 1)
/** Of the messages of days 0 to 5 those from day 3 on. */
const LATE: Filters = { ...NO_FILTERS, after: FIRST + 3 * DAY }

/** Six messages, one a day, and whatever the source can say of changes. */
function start(delta: 'modseq' | 'scan'): Fixture {
  const fixture = new Fixture()
  fixture.sourceOptions = { capabilities: { delta }, expunges: delta === 'scan' ? 'present' : 'named' }
  for (let day = 0; day < 6; day++)
    fixture.alice.add(['INBOX'], mail(`day ${day}`), { internalDate: FIRST + day * DAY })
  return fixture
}

async function runUnder(fixture: Fixture, filters: Filters): Promise<unknown> {
  fixture.settings = { filters }
  return nonZero((await fixture.run()).totals)
}

describe.each(['modseq', 'scan'] as const)('filters that change between two runs (%s)', (delta) => {
  it('wider ones bring what was left out, once', async () => {
    const fixture = start(delta)
    expect(await runUnder(fixture, LATE)).toEqual({ source: 3, landed: 3 })
    expect(await runUnder(fixture, { ...NO_FILTERS, after: FIRST + DAY })).toEqual({ source: 5, landed: 5 })
    expect(await runUnder(fixture, NO_FILTERS)).toEqual({ source: 6, landed: 6 })
    expect(await runUnder(fixture, NO_FILTERS)).toEqual({ source: 6, landed: 6 })
    expect(fixture.moved.messages(['INBOX'])).toHaveLength(6)
  })

  it('narrower ones leave what has landed as it is, and what has not is no source any more', async () => {
    const fixture = start(delta)
    fixture.destinationOptions = { capabilities: { maxMessageBytes: 10 } }
    expect(await runUnder(fixture, NO_FILTERS)).toEqual({ source: 6, skipped: 6 })
    expect(await runUnder(fixture, LATE)).toEqual({ source: 3, skipped: 3 })
    fixture.destinationOptions = {}
    fixture.ledger.requeue(1, null)
    expect(await runUnder(fixture, LATE)).toEqual({ source: 3, landed: 3 })
    fixture.alice.setFlags(['INBOX'], '4', ['\\Flagged'])
    expect(await runUnder(fixture, { ...NO_FILTERS, after: FIRST + 5 * DAY })).toEqual({ source: 3, landed: 3 })
    expect(fixture.moved.messages(['INBOX'])[0]?.flags).toEqual(['\\Flagged'])
    const [inbox] = fixture.ledger.mailboxes(1)
    expect(fixture.ledger.delivered(inbox?.id ?? 0, 0, 9).map(({ gone }) => gone)).toEqual([false, false, false])
  })

  it('what is no longer marked as deleted is moved after all', async () => {
    const fixture = start(delta)
    const filters = { ...NO_FILTERS, skipDeleted: true }
    fixture.alice.setFlags(['INBOX'], '2', ['\\Deleted'])
    fixture.alice.setFlags(['INBOX'], '3', ['\\Deleted'])
    expect(await runUnder(fixture, filters)).toEqual({ source: 4, landed: 4 })
    fixture.alice.setFlags(['INBOX'], '2', [])
    fixture.alice.setFlags(['INBOX'], '3', ['\\Deleted', '\\Seen'])
    expect(await runUnder(fixture, filters)).toEqual({ source: 5, landed: 5 })
    expect(fixture.moved.messages(['INBOX'])).toHaveLength(5)
  })
})

describe('what an account was worked through for', () => {
  it('is written down when it was, and not when the run failed or was stopped', async () => {
    const fixture = start('modseq')
    await runUnder(fixture, LATE)
    const late = scopeOf(LATE, DEFAULT_MAPPING)
    expect(fixture.ledger.scope(1)).toBe(late)
    fixture.settings = { filters: NO_FILTERS }
    await fixture.run(fixture.pairs(), AbortSignal.abort())
    expect(fixture.ledger.scope(1)).toBe(late)
    fixture.destinationOptions = {
      onStep: ({ op }) => {
        if (op === 'open') throw new SealpostError('auth', 'refused')
      },
    }
    await fixture.run()
    expect(fixture.ledger.scope(1)).toBe(late)
    fixture.destinationOptions = {}
    await fixture.run()
    expect(fixture.ledger.scope(1)).toBe(scopeOf(NO_FILTERS, DEFAULT_MAPPING))
  })

  it('does not depend on the order of globs or on where mail goes', () => {
    const globs = (include: readonly string[], to: string) =>
      scopeOf(NO_FILTERS, { ...DEFAULT_MAPPING, include, rules: [{ from: ['A'], to: [to] }] })
    expect(globs(['A', 'B/*'], 'X')).toBe(globs(['B/*', 'A'], 'Y'))
    expect(globs(['A'], 'X')).not.toBe(globs(['B/*'], 'X'))
  })
})

describe('a mailbox that the mapping leaves out after it was begun', () => {
  const without = { mapping: { ...DEFAULT_MAPPING, exclude: ['Calendar'] } }

  function filled(): Fixture {
    const fixture = new Fixture()
    for (let i = 0; i < 4; i++) fixture.alice.add(['Calendar'], mail(`event ${i}`))
    fixture.alice.add(['INBOX'], mail('letter'))
    return fixture
  }

  it('is no source where nothing of it has gone, and nothing is left to be said of it', async () => {
    const fixture = filled()
    fixture.destinationOptions = { capabilities: { maxMessageBytes: 10 } }
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 5, skipped: 5 })
    fixture.destinationOptions = {}
    fixture.ledger.requeue(1, null)
    fixture.moved.remove(['Calendar'])
    fixture.settings = without
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 1, landed: 1 })
    expect((await fixture.verify()).findings).toEqual([])
    expect(fixture.ledger.mailboxes(1).map(({ sourcePath }) => sourcePath.join('/'))).toEqual(['INBOX'])
  })

  it('keeps what has been moved of it, and brings the rest when it is let in again', async () => {
    const fixture = filled()
    fixture.settings = { filters: { ...NO_FILTERS, before: 1_600_000_000_001 } }
    fixture.destinationOptions = {
      refuse: (_, body) =>
        Buffer.from(body).includes('event 2') ? new SealpostError('rejected', 'no events today') : null,
    }
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 5, landed: 4, quarantined: 1 })
    fixture.settings = without
    fixture.destinationOptions = {}
    for (let pass = 0; pass < 2; pass++)
      expect(nonZero((await fixture.run()).totals)).toEqual({ source: 4, landed: 4 })
    fixture.settings = {}
    expect(nonZero((await fixture.run()).totals)).toEqual({ source: 5, landed: 5 })
    expect(fixture.moved.messages(['Calendar'])).toHaveLength(4)
    expect(openFindings(await fixture.verify())).toEqual([])
  })
})
