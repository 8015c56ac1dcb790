import { describe, expect, it } from 'vitest'
import { SealpostError } from '../../src/core/errors.ts'
import { DEFAULT_MAPPING } from '../../src/engine/settings.ts'
import { Fixture, mail, nonZero, openFindings } from './fixture.ts'

describe('a mailbox whose name the destination refuses', () => {
  it('is moved under the name that a rule gives it afterwards', async () => {
    const fixture = new Fixture()
    for (let n = 0; n < 3; n++) {
      fixture.alice.add(['Bad'], mail(`bad ${n}`))
      fixture.alice.add(['Bad', 'below'], mail(`below ${n}`))
      fixture.alice.add(['Good'], mail(`good ${n}`))
    }
    fixture.destinationOptions = {
      onStep: ({ op, mailbox, phase }) => {
        if (op === 'ensureMailbox' && phase === 'after' && mailbox?.startsWith('Bad') === true)
          throw new SealpostError('rejected', 'no such name here')
      },
    }
    const first = await fixture.run()
    expect(nonZero(first.totals)).toEqual({ source: 9, landed: 3, quarantined: 6 })
    const rules = [
      { from: ['Bad'], to: ['Fine'] },
      { from: ['Good'], to: ['Elsewhere'] },
    ]
    fixture.settings = { mapping: { ...DEFAULT_MAPPING, rules } }
    fixture.ledger.requeue(1, null)
    const second = await fixture.run()
    expect(nonZero(second.totals)).toEqual({ source: 9, landed: 9 })
    expect(fixture.moved.messages(['Fine'])).toHaveLength(3)
    expect(fixture.moved.messages(['Fine', 'below'])).toHaveLength(3)
    // What has begun to land stays where it is.
    expect(fixture.moved.messages(['Good'])).toHaveLength(3)
    expect(fixture.moved.lookUp(['Elsewhere'])).toBeUndefined()
    const good = fixture.ledger.mailboxes(1).find(({ sourcePath }) => sourcePath[0] === 'Good')
    expect(() => fixture.ledger.redirect(good?.id ?? 0, ['Elsewhere'])).toThrow('something has begun')
    expect(openFindings(await fixture.verify())).toEqual([])
    expect(fixture.ledger.findings(null)).toEqual([])
  })
})
