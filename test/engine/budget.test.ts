import { expect, it } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/engine/settings.ts'
import { Fixture, mail, nonZero } from './fixture.ts'

it.each([1, 3])('a slice in trouble finds room, however little memory there is (%i lanes)', async (lanes) => {
  const fixture = new Fixture()
  // One message takes all of the budget.
  fixture.settings = { limits: { ...DEFAULT_LIMITS, lanes, lanesAtFirst: lanes, memoryBytes: 64 * 1024 } }
  for (let n = 0; n < 12; n++) fixture.alice.add(['INBOX'], mail(`${n} ${'x'.repeat(40_000)}`))
  let appends = 0
  let deaths = 0
  fixture.destinationOptions = {
    onStep: ({ op, phase }) => {
      if (op !== 'append' || phase !== 'before' || ++appends % 3 !== 1) return undefined
      deaths++
      return { fault: 'die' }
    },
  }
  const { pairs, totals } = await fixture.run()
  expect(pairs[0]?.error).toBeNull()
  expect(deaths).toBeGreaterThan(3)
  expect(nonZero(totals)).toEqual({ source: 12, landed: 12 })
  expect(fixture.moved.snapshot()).toEqual(fixture.alice.snapshot())
})
