import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isLong } from '../long.ts'
import { lacking } from '../packages.ts'
import { writeTally } from '../reporter/tally.ts'
import type { CallFault } from './failing-calls.ts'
import { expectTold, keeping, moving, Rehearsal } from './scenario.ts'

/** `npm run test:disk` strikes at each call; `npm test` at one for each fault and command. */
const all = isLong('disk')
/** A run that was struck after it had written down what it would send waits for seconds the next time, and computes nothing. */
const AT_ONCE = all ? 4 : 1
/** Each fault, and how far into the command the bounded share lets it strike. */
const FAULTS: readonly (readonly [CallFault, number])[] = [
  ['ENOSPC', 0.5],
  ['EIO', 0.4],
  ['EMFILE', 0.7],
]
const why = lacking('gcc', 'libc6-dev')

describe.skipIf(why !== null || process.platform !== 'linux')('a disk that fails at the n-th call', () => {
  const tally = { faults: 0 }
  afterAll(() => writeTally('disk', 'the program on a disk that fails', tally))

  describe.each([moving, keeping])('$name', (scenario) => {
    const rehearsals: Rehearsal[] = []
    beforeAll(async () => {
      for (let i = 0; i < AT_ONCE; i++) rehearsals.push(await Rehearsal.open(scenario))
    })
    afterAll(async () => {
      for (const rehearsal of rehearsals) await rehearsal.close()
    })

    it.each(FAULTS)(
      '%s: one clear line, nothing lost, and the next run ends in the same state',
      async (fault, part) => {
        const count = await countCalls(rehearsals[0], fault)
        // How many calls there are differs by a few from run to run; the last ones may not come.
        const sure = Math.floor(count * 0.8)
        const points = all ? Array.from({ length: count }, (_, index) => index + 1) : [1 + Math.floor(part * sure)]
        const strikeEach = async (rehearsal: Rehearsal): Promise<void> => {
          for (let at = points.shift(); at !== undefined; at = points.shift()) {
            const note = `${fault} at call ${at} of ${count}`
            const failed = await strike(rehearsal, fault, at, note)
            if (at <= sure) expect(failed, note).toBeGreaterThan(0)
            if (failed > 0) tally.faults++
          }
        }
        await Promise.all(rehearsals.map(strikeEach))
      },
      all ? 7_200_000 : 60_000,
    )
  })
})

/** Gives the command with nothing failing; how many calls could have. */
async function countCalls(rehearsal: Rehearsal | undefined, fault: CallFault): Promise<number> {
  if (rehearsal === undefined) throw new Error('nothing was prepared')
  rehearsal.again()
  const { ended, calls } = await rehearsal.playStruck(fault, 0)
  expect(ended).toMatchObject({ exitCode: 0, stderr: '' })
  await rehearsal.scenario.expectDone(rehearsal.place)
  expect(calls).toBeGreaterThan(3)
  return calls
}

/** Lets one call fail and gives the command again; how many calls have failed. */
async function strike(rehearsal: Rehearsal, fault: CallFault, at: number, note: string): Promise<number> {
  const { place, scenario } = rehearsal
  rehearsal.again()
  const { ended: struck, failed } = await rehearsal.playStruck(fault, at)
  expectTold(struck, note)
  const { exitCode, stderr } = await rehearsal.play()
  expect({ exitCode, stderr }, note).toEqual({ exitCode: 0, stderr: '' })
  await scenario.expectDone(place)
  const audited = await place.run(['audit', 'verify'])
  expect(audited.exitCode, `${note}\n${audited.stdout}${audited.stderr}`).toBe(0)
  return failed
}
