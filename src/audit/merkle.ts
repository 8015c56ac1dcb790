import { createHash } from 'node:crypto'
import { SealpostError } from '../core/errors.ts'

/** Length of every hash here. */
export const HASH_BYTES = 32

const LEAF_PREFIX = Buffer.from([0x00])
const NODE_PREFIX = Buffer.from([0x01])

/** The hash of a leaf (RFC 6962 section 2.1). */
export function hashLeaf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(LEAF_PREFIX).update(bytes).digest()
}

/** The hash of an inner node (RFC 6962 section 2.1). */
export function hashNode(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash('sha256').update(NODE_PREFIX).update(left).update(right).digest()
}

/** The root of no leaves (RFC 6962 section 2.1). */
export function hashEmptyTree(): Buffer {
  return createHash('sha256').digest()
}

/**
 * A tree as the hashes of its complete subtrees, largest and leftmost first (a compact range): one hash a set bit of its
 * size. That is all it takes to append and to tell the root, in time and memory that grow with the logarithm.
 */
export class CompactRange {
  #size: number
  readonly #hashes: Uint8Array[]

  /** Takes up a range where it was left. Throws `corrupt` when the number of hashes does not fit the size. */
  constructor(size = 0, hashes: readonly Uint8Array[] = []) {
    const fits = Number.isSafeInteger(size) && size >= 0 && hashes.length === countOnes(size)
    if (!fits || hashes.some((hash) => hash.length !== HASH_BYTES)) {
      throw new SealpostError('corrupt', `${hashes.length} hashes do not make a tree of ${size} leaves`)
    }
    this.#size = size
    this.#hashes = [...hashes]
  }

  get size(): number {
    return this.#size
  }

  /** Largest subtree first. */
  get hashes(): readonly Uint8Array[] {
    return [...this.#hashes]
  }

  /** Takes the hash of the next leaf. */
  append(leafHash: Uint8Array): void {
    let hash = leafHash
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      const left = this.#hashes.pop()
      if (left === undefined) throw new SealpostError('bug', 'a compact range has lost a hash')
      hash = hashNode(left, hash)
    }
    this.#hashes.push(hash)
    this.#size++
  }

  /** The root of all leaves so far. */
  root(): Buffer {
    const last = this.#hashes.at(-1)
    if (last === undefined) return hashEmptyTree()
    const others = this.#hashes.slice(0, -1)
    return Buffer.from(others.reduceRight<Uint8Array>((right, left) => hashNode(left, right), last))
  }
}

/** Begin and end of each complete subtree of a tree, in the order of `CompactRange.hashes`. */
export function rangeSpans(size: number): readonly (readonly [number, number])[] {
  const spans: (readonly [number, number])[] = []
  for (let from = 0; from < size;) {
    const length = largestPowerAtMost(size - from)
    spans.push([from, from + length])
    from += length
  }
  return spans
}

/** The largest power of two that is not above `n`, which is at least 1. */
export function largestPowerAtMost(n: number): number {
  let power = 1
  while (power * 2 <= n) power *= 2
  return power
}

function countOnes(n: number): number {
  let ones = 0
  for (let rest = n; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2
  return ones
}
