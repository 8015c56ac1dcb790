import type { Spool, SpoolObject } from '../../src/core/ports.ts'

/** A spool in memory, with what it holds: the real one has tests of its own. */
export function memorySpool(): Spool & { readonly held: ReadonlySet<SpoolObject> } {
  const held = new Set<SpoolObject>()
  return {
    held,
    write: async (pieces) => {
      const parts: Uint8Array[] = []
      for await (const piece of pieces) parts.push(piece.slice())
      const object: SpoolObject = {
        bytes: parts.reduce((sum, { length }) => sum + length, 0),
        open: async function* () {
          yield* parts
        },
        remove: async () => {
          held.delete(object)
        },
      }
      held.add(object)
      return object
    },
    sweep: async () => 0,
  }
}
