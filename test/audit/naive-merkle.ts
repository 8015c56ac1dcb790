/** RFC 6962 section 2.1 written down as it stands there; shares no code with src/records. */
import { createHash } from 'node:crypto'

const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** The largest power of two smaller than n. */
function k(n: number): number {
  let power = 1
  while (power * 2 < n) power *= 2
  return power
}

/** MTH(D[n]). */
export function mth(d: readonly Uint8Array[]): Buffer {
  const [only] = d
  if (only === undefined) return sha256()
  if (d.length === 1) return sha256(Buffer.from([0]), only)
  const split = k(d.length)
  return sha256(Buffer.from([1]), mth(d.slice(0, split)), mth(d.slice(split)))
}

/** PATH(m, D[n]). */
export function path(m: number, d: readonly Uint8Array[]): Buffer[] {
  if (d.length <= 1) return []
  const split = k(d.length)
  if (m < split) return [...path(m, d.slice(0, split)), mth(d.slice(split))]
  return [...path(m - split, d.slice(split)), mth(d.slice(0, split))]
}

/** PROOF(m, D[n]). */
export function proof(m: number, d: readonly Uint8Array[]): Buffer[] {
  return subproof(m, d, true)
}

function subproof(m: number, d: readonly Uint8Array[], complete: boolean): Buffer[] {
  if (m === d.length) return complete ? [] : [mth(d)]
  const split = k(d.length)
  if (m <= split) return [...subproof(m, d.slice(0, split), complete), mth(d.slice(split))]
  return [...subproof(m - split, d.slice(split), false), mth(d.slice(0, split))]
}
