import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isLong } from '../long.ts'
import { lacking } from '../packages.ts'
import { writeTally } from '../reporter/tally.ts'
import { FailingCalls, type CallFault } from './failing-calls.ts'
import { expectTold, keeping, moving, Rehearsal, type Scenario } from './scenario.ts'

/** `npm run test:crash` strikes at each call; `npm test` at one for each fault and command. */
const all = isLong('crash')
const SCENARIOS: readonly Scenario[] = [moving(all), keeping]
/** Each fault, and how far into the command the bounded share lets it strike. */
const FAULTS: readonly (readonly [CallFault, number])[] = [
  ['ENOSPC', 0.5],
  ['EIO', 0.4],
  ['EMFILE', 0.7],
]
const why = lacking('gcc', 'libc6-dev')

describe.skipIf(why !== null || process.platform !== 'linux')('a disk that fails at the n-th call', () => {
  const tally = { faults: 0 }
  afterAll(() => writeTally('crash', 'the program on a disk that fails', tally))

  describe.each(SCENARIOS)('$name', (scenario) => {
    let rehearsal: Rehearsal
    let calls: FailingCalls
    beforeAll(async () => {
      calls = new FailingCalls()
      rehearsal = await Rehearsal.open(scenario)
    })
    afterAll(async () => {
      calls.close()
      await rehearsal.close()
    })

    it.each(FAULTS)(
      '%s: one clear line, nothing lost, and the next run ends in the same state',
      async (fault, part) => {
        const { folder } = rehearsal.place
        // A disk that is full stays so; a broken block, and a moment without a free descriptor, come once.
        const goesOn = fault === 'ENOSPC'
        rehearsal.again()
        const clean = await rehearsal.play(calls.environment({ folder, fault, at: 0, goesOn }))
        expect(clean).toMatchObject({ exitCode: 0, stderr: '' })
        await scenario.expectDone(rehearsal.place)
        const { calls: count } = calls.read()
        expect(count).toBeGreaterThan(3)
        // How many calls there are differs by a few from run to run; the last ones may not come.
        const sure = Math.floor(count * 0.8)
        const points = all ? Array.from({ length: count }, (_, index) => index + 1) : [1 + Math.floor(part * sure)]
        for (const at of points) {
          const note = `${fault} at call ${at} of ${count}`
          rehearsal.again()
          const struck = await rehearsal.play(calls.environment({ folder, fault, at, goesOn }))
          const { failed } = calls.read()
          if (at <= sure) expect(failed, note).toBeGreaterThan(0)
          if (failed > 0) tally.faults++
          expectTold(struck, note)
          const { exitCode, stderr } = await rehearsal.play()
          expect({ exitCode, stderr }, note).toEqual({ exitCode: 0, stderr: '' })
          await scenario.expectDone(rehearsal.place)
          const audited = await rehearsal.place.run(['audit', 'verify'])
          expect(audited.exitCode, `${note}\n${audited.stdout}${audited.stderr}`).toBe(0)
        }
      },
      all ? 7_200_000 : 60_000,
    )
  })
})
