import { beforeEach, describe, expect, it } from 'vitest'
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

  it('is one finding where content is not looked at', async () => {
    expect(await verifiedAgain(() => fixture.moved.remove(['Work']), 'headers')).toEqual([
      ['open mailbox'],
      { identical: 2, missing: 0 },
    ])
  })
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
