import type { Spool, SpoolObject } from '../../src/core/ports.ts'

/** A spool that holds everything in memory: the real one has tests of its own. */
export function memorySpool(): Spool {
  return {
    write: async (pieces) => {
      const parts: Uint8Array[] = []
      for await (const piece of pieces) parts.push(piece.slice())
      const object: SpoolObject = {
        bytes: parts.reduce((sum, { length }) => sum + length, 0),
        open: async function* () {
          yield* parts
        },
        remove: async () => void parts.splice(0),
      }
      return object
    },
    sweep: async () => 0,
  }
}
