import { describe, expect, it } from 'vitest'
import { appendCases } from './append-cases.ts'
import { Bench, expectKind, quiet } from './bench.ts'
import type { Case } from './case.ts'
import { flagCases } from './flag-cases.ts'
import type { Harness } from './harness.ts'
import { listingCases } from './listing-cases.ts'
import { mailboxCases } from './mailbox-cases.ts'
import { readingCases } from './reading-cases.ts'
import { sessionCases } from './session-cases.ts'

/** Every case of the suite. */
export const CASES: readonly Case[] = [
  ...sessionCases,
  ...listingCases,
  ...readingCases,
  ...[...appendCases, ...mailboxCases, ...flagCases].map((each): Case => ({ ...each, writes: true })),
]

/**
 * The suite that every connector passes. A case shows a capability that is claimed and checks the refusal of one that
 * is denied; what a harness skips has its reason in the test's name, and skipping what is no case fails.
 */
export function conformance(name: string, harness: Harness): void {
  const skips = new Map(Object.entries(harness.skips ?? {}))
  describe(`${name} conforms`, () => {
    it('skips only cases that there are', () => {
      const names = CASES.map((each) => each.name)
      expect(new Set(names).size).toBe(names.length)
      expect([...skips.keys()].filter((skipped) => !names.includes(skipped))).toEqual([])
      expect([...skips.values()].filter((reason) => reason.trim() === '')).toEqual([])
    })
    if (harness.sourceOnly !== undefined) {
      it(`refuses to be a destination (${harness.sourceOnly})`, async () => {
        const stage = await harness.setup({})
        try {
          await expectKind(stage.connector.openDestination(stage.account, quiet), 'config')
        } finally {
          await stage.cleanup()
        }
      })
    }
    for (const each of CASES) {
      if (each.writes === true && harness.sourceOnly !== undefined) continue
      const reason = skips.get(each.name)
      if (reason !== undefined) {
        it.skip(`${each.name} (${reason})`, () => undefined)
        continue
      }
      it(each.name, async () => {
        const bench = new Bench(harness, await harness.setup(each.wish ?? {}))
        try {
          await each.run(bench)
        } finally {
          await bench.tearDown()
        }
      })
    }
  })
}
