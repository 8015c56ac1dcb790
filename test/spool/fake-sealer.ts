import { createHash } from 'node:crypto'
import { SealpostError } from '../../src/core/errors.ts'
import type { Sealer } from '../../src/core/ports.ts'

const MASK = 0x5a
const TRAILER_BYTES = 32

/** Masks each byte and ends with a hash over context and content. Holds an object whole; for tests alone. */
export const fakeSealer: Sealer = {
  seal: async function* (context, pieces) {
    const hash = createHash('sha256').update(context)
    for await (const piece of pieces) {
      hash.update(piece)
      yield piece.map((byte) => byte ^ MASK)
    }
    yield hash.digest()
  },
  open: async function* (context, pieces) {
    const parts: Uint8Array[] = []
    for await (const piece of pieces) parts.push(piece)
    const whole = Buffer.concat(parts)
    const content = Buffer.from(whole.subarray(0, -TRAILER_BYTES).map((byte) => byte ^ MASK))
    const expected = createHash('sha256').update(context).update(content).digest()
    if (!expected.equals(whole.subarray(-TRAILER_BYTES)))
      throw new SealpostError('corrupt', 'the object was changed')
    yield content
  },
}
