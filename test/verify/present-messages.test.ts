import fc from 'fast-check'
import { expect, it } from 'vitest'
import { PresentMessages } from '../../src/verify/present-messages.ts'

const listed = fc.record({
  key: fc.oneof(fc.nat(400).map(String), fc.string({ maxLength: 3 })),
  bytes: fc.nat(),
  internalDate: fc.integer({ min: -1e12, max: 4e12 }),
  flags: fc.array(fc.constantFrom('\\Seen', '\\Flagged', 'a b', 'a', 'b'), { maxLength: 3 }),
})

it('knows of every message what it was last listed as, and of no other', () => {
  fc.assert(
    fc.property(fc.array(listed, { maxLength: 700, size: 'max' }), fc.string(), (all, other) => {
      const present = new PresentMessages()
      const wanted = new Map<string, unknown>()
      for (const message of all) {
        present.add(message)
        wanted.set(message.key, { internalDate: message.internalDate, flags: message.flags })
      }
      expect(present.size).toBe(wanted.size)
      expect(present.keys()).toEqual([...wanted.keys()])
      expect(present.keys().map((key) => present.get(key))).toEqual([...wanted.values()])
      expect(present.get(other)).toEqual(wanted.get(other))
    }),
    { numRuns: 40, endOnFailure: true },
  )
})
