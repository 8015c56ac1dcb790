import { beforeEach, describe, expect, it } from 'vitest'
import { SealpostError } from '../../src/core/errors.ts'
import { Fixture, mail } from '../engine/fixture.ts'

let fixture: Fixture
beforeEach(() => {
  fixture = new Fixture()
})

/** What is found, and what each delivered message is said to be, once `change` has happened to a mailbox that was verified. */
async function verifiedAgain(change: () => void, level: 'full' | 'headers' = 'full'): Promise<unknown[]> {
  for (const name of ['one', 'two']) fixture.alice.add(['Work'], mail(name))
  await fixture.run()
  await fixture.verify()
  change()
  const { findings } = await fixture.verify(level)
  const { identical, missing } = fixture.ledger.fidelity(fixture.pairs()[0]?.id ?? 0)
  return [findings.map((found) => `${found.class} ${found.check}`), { identical, missing }]
}

describe('a mailbox that is gone from the destination after it was verified', () => {
  it('with its mail: no message of it still counts as delivered alike', async () => {
    const removed = 'removed-after-check missing'
    expect(await verifiedAgain(() => fixture.moved.remove(['Work']))).toEqual([
      ['open mailbox', removed, removed],
      { identical: 0, missing: 2 },
    ])
  })

  it('since its user has renamed it: its mail is found under the other name', async () => {
    const rename = (): void => {
      for (const name of ['one', 'two']) fixture.moved.add(['Trabajo'], mail(name))
      fixture.moved.remove(['Work'])
    }
    expect(await verifiedAgain(rename)).toEqual([
      ['open mailbox', 'explained missing', 'explained missing'],
      { identical: 2, missing: 0 },
    ])
  })

  it('since its user has renamed it: a message there that nobody can read does not hide the others', async () => {
    const rename = (): void => {
      for (const name of ['closed', 'one', 'two']) fixture.moved.add(['Trabajo'], mail(name))
      fixture.moved.remove(['Work'])
      fixture.destinationOptions = {
        onStep: ({ op, mailbox, phase, keys }) => {
          if (op === 'fetch' && mailbox === 'Trabajo' && phase === 'before' && keys.includes('1'))
            throw new SealpostError('rejected', 'no')
        },
      }
    }
    expect(await verifiedAgain(rename)).toEqual([
      ['open mailbox', 'explained missing', 'explained missing'],
      { identical: 2, missing: 0 },
    ])
  })

  it('is one finding where content is not looked at', async () => {
    expect(await verifiedAgain(() => fixture.moved.remove(['Work']), 'headers')).toEqual([
      ['open mailbox'],
      { identical: 2, missing: 0 },
    ])
  })
})

it('a message that is missing stays a finding when only numbers are looked at', async () => {
  fixture.alice.add(['INBOX'], mail('one'))
  await fixture.run()
  fixture.moved.expunge(['INBOX'], '1')
  await fixture.verify()
  expect((await fixture.verify('counts')).findings.map(({ check }) => check)).toEqual(['missing', 'count'])
  fixture.moved.add(['INBOX'], mail('one'))
  expect((await fixture.verify()).findings).toEqual([])
})

describe('equal messages that are gone from their mailbox', () => {
  it('count each for itself: one that was filed elsewhere is no proof of the other', async () => {
    for (let i = 0; i < 3; i++) fixture.alice.add(['Work'], mail('twin'))
    await fixture.run()
    fixture.moved.move(['Work'], '1', ['Filed'])
    fixture.moved.expunge(['Work'], '2')
    const { findings } = await fixture.verify()
    expect(findings.map((found) => `${found.class} ${found.check}`).sort()).toEqual([
      'explained missing',
      'open missing',
    ])
    expect(fixture.ledger.fidelity(fixture.pairs()[0]?.id ?? 0)).toMatchObject({ identical: 2, missing: 1 })
    expect(fixture.ledger.unverified(null)).toBe(1)
  })
})

describe('a flag that is not set at the destination', () => {
  /** What two verifications say of a flag that goes before the first or between them. */
  async function classes(first: 'change' | 'verify'): Promise<unknown[]> {
    fixture.alice.add(['INBOX'], mail('one'), { flags: ['\\Seen', '\\Flagged'] })
    await fixture.run()
    if (first === 'verify') await fixture.verify()
    fixture.moved.setFlags(['INBOX'], '1', ['\\Seen'])
    const outcomes = [await fixture.verify(), await fixture.verify()]
    return outcomes.map(({ findings }) =>
      findings.map((found) => `${found.class} ${found.check} ${found.expected}`),
    )
  }

  it('and never was stays open, however often one looks', async () => {
    expect(await classes('change')).toEqual([['open flags \\Flagged'], ['open flags \\Flagged']])
  })

  it('stays open when somebody then looks less closely', async () => {
    await classes('change')
    for (const level of ['headers', 'counts'] as const) {
      const { findings } = await fixture.verify(level)
      expect(findings.map((found) => `${found.class} ${found.check}`)).toEqual(['open flags'])
    }
  })

  it('and was has been taken off by its user', async () => {
    const removed = ['removed-after-check flags \\Flagged']
    expect(await classes('verify')).toEqual([removed, removed])
  })
})

it.each(['headers', 'full'] as const)(
  'flags that are set there and were never asked for are counted (%s)',
  async (level) => {
    for (const name of ['one', 'two', 'three'])
      fixture.alice.add(['INBOX'], mail(name), { flags: ['\\Draft', 'work'] })
    await fixture.run()
    for (const key of ['1', '3']) fixture.moved.setFlags(['INBOX'], key, ['\\Draft', 'WORK', '\\Seen'])
    fixture.moved.setFlags(['INBOX'], '2', ['\\Draft', 'work', 'mine'])
    const told = ({ findings }: Awaited<ReturnType<Fixture['verify']>>): unknown[] =>
      findings.map((found) => `${found.class} ${found.check} ${found.rule}: ${found.expected} / ${found.actual}`)
    const added = 'explained flags added-there: not set / '
    expect(told(await fixture.verify(level))).toEqual([
      `${added}\\Seen on 2 messages`,
      `${added}mine on 1 message`,
    ])
    for (const key of ['1', '3', '2']) fixture.moved.setFlags(['INBOX'], key, ['\\Draft', 'work'])
    expect(told(await fixture.verify(level))).toEqual([])
  },
)
