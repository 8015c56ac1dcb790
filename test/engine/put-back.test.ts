import { beforeEach, describe, expect, it } from 'vitest'
import { Fixture, mail, nonZero, openFindings } from './fixture.ts'

let fixture: Fixture
beforeEach(() => {
  fixture = new Fixture()
})

/** The texts of what lies in the destination's inbox. */
const inbox = (): string[] =>
  fixture.moved
    .messages(['INBOX'])
    .map(({ bytes }) => Buffer.from(bytes).toString().trimEnd().split('\n').at(-1) ?? '')
const lookedFor = (): unknown[] =>
  fixture.ledger.findings(null).map(({ class: found, check }) => `${found} ${check}`)

/** Delivered, and verified before or after `change`. */
async function moved(change: () => void, first: 'change' | 'verify'): Promise<void> {
  for (const name of ['one', 'two', 'three']) fixture.alice.add(['INBOX'], mail(name))
  await fixture.run()
  if (first === 'verify') await fixture.verify()
  change()
  await fixture.verify()
}

describe('delivered mail that is no longer at the destination', () => {
  it('is sent again once, and the verification then has nothing to say', async () => {
    await moved(() => fixture.moved.expunge(['INBOX'], '2'), 'change')
    expect(fixture.ledger.putBack(1, 'removed-after-check')).toBe(0)
    expect(fixture.ledger.putBack(1, 'open')).toBe(1)
    expect(fixture.ledger.putBack(1, 'open')).toBe(0)
    await fixture.run()
    expect(inbox()).toEqual(['one', 'three', 'two'])
    expect(openFindings(await fixture.verify())).toEqual([])
    expect(nonZero(fixture.ledger.totals({}))).toEqual({ source: 3, landed: 3 })
    expect(fixture.ledger.unverified(null)).toBe(0)
    expect(lookedFor()).toEqual(['explained possible-copy'])
    await fixture.run()
    expect(inbox()).toHaveLength(3)
  })

  it('is found where a user has brought it back meanwhile, and is not sent', async () => {
    await moved(() => fixture.moved.expunge(['INBOX'], '2'), 'change')
    fixture.moved.add(['Filed'], mail('two'))
    expect(fixture.ledger.putBack(1, 'open')).toBe(1)
    await fixture.run()
    expect(inbox()).toEqual(['one', 'three'])
    await fixture.verify()
    expect(fixture.ledger.fidelity(null)).toMatchObject({ identical: 3, missing: 0 })
  })

  it('what was there once, and removed since, stays removed unless that is asked for', async () => {
    await moved(() => fixture.moved.remove(['INBOX']), 'verify')
    expect(fixture.ledger.putBack(1, 'open')).toBe(0)
    expect(fixture.ledger.putBack(1, 'removed-after-check')).toBe(3)
    await fixture.run()
    expect(inbox()).toEqual(['one', 'two', 'three'])
    expect(openFindings(await fixture.verify())).toEqual([])
  })

  it('what was there before the first run is sent as well, and not taken for what it was', async () => {
    fixture.moved.add(['INBOX'], mail('two'))
    await moved(() => fixture.moved.expunge(['INBOX'], '1'), 'change')
    expect(fixture.ledger.totals({})).toMatchObject({ landed: 2, existing: 1 })
    expect(fixture.ledger.putBack(1, 'open')).toBe(1)
    await fixture.run()
    expect(inbox()).toEqual(['one', 'three', 'two'])
    expect(fixture.ledger.totals({})).toMatchObject({ landed: 3, existing: 0 })
    expect(openFindings(await fixture.verify())).toEqual([])
  })

  it('is left as it is where the source has it no more', async () => {
    await moved(() => fixture.moved.expunge(['INBOX'], '2'), 'change')
    fixture.alice.expunge(['INBOX'], '2')
    await fixture.run()
    expect(fixture.ledger.putBack(1, 'open')).toBe(0)
    expect(lookedFor()).toEqual(['open missing'])
  })

  it('is not put back for what a look at headers alone has missed', async () => {
    for (const name of ['one', 'two']) fixture.alice.add(['INBOX'], mail(name))
    await fixture.run()
    fixture.moved.move(['INBOX'], '2', ['Filed'])
    await fixture.verify('headers')
    expect(lookedFor()).toEqual(['open missing'])
    expect(fixture.ledger.putBack(1, 'open')).toBe(0)
  })
})
